import { ASCENT, DESCENT, textWidth } from './fonts';

/** A rectangle in pixels. */
export interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** Distance of two base lines in units of the font size, as plotly.js sets its lines. */
const LINE_SPACING = 1.3;
const DEFAULT_SIZE = 12;

/**
 * The box that the text in an SVG element takes, in the coordinates of that element's parent.
 *
 * jsdom lays nothing out; this replaces what plotly.js asks of a browser. Shapes count as nothing:
 * plotly.js measures only text.
 */
export function textBox(element: Element): Box | undefined {
  const boxes =
    element.tagName === 'text'
      ? [ownBox(element)]
      : Array.from(element.children).map((child) => textBox(child));
  const known = boxes.filter((box) => box !== undefined);
  if (known.length === 0) return undefined;
  return transformed(union(known), element.getAttribute('transform') ?? '');
}

function ownBox(text: Element): Box | undefined {
  if (!text.textContent) return undefined;
  const tspans = Array.from(text.querySelectorAll('tspan.line'));
  const lines = tspans.length > 0 ? tspans : [text];
  const size = fontSize(text);
  const width = Math.max(...lines.map(lineWidth));
  const x = Number(text.getAttribute('x') ?? 0);
  const y = Number(text.getAttribute('y') ?? 0) + shift(text) * size;
  const anchor = (text as SVGElement).style.textAnchor || text.getAttribute('text-anchor');
  const before = anchor === 'middle' ? width / 2 : anchor === 'end' ? width : 0;
  return {
    left: x - before,
    right: x - before + width,
    top: y - ASCENT * size,
    bottom: y + ((lines.length - 1) * LINE_SPACING + DESCENT) * size,
  };
}

/** How far `dy` lowers a text, in units of the font size. */
function shift(text: Element): number {
  const dy = text.getAttribute('dy') ?? '';
  return dy.endsWith('em') ? Number.parseFloat(dy) : 0;
}

/** The advance width of one line, with its parts in other sizes and weights. */
export function lineWidth(line: Element): number {
  let width = 0;
  for (const node of Array.from(line.childNodes)) {
    if (node.nodeType === node.TEXT_NODE) {
      width += textWidth(node.textContent ?? '', fontSize(line), fontWeight(line));
    } else {
      width += lineWidth(node as Element);
    }
  }
  return width;
}

function fontSize(element: Element): number {
  const own = (element as SVGElement).style.fontSize;
  if (own.endsWith('px')) return Number.parseFloat(own);
  const inherited = element.parentElement ? fontSize(element.parentElement) : DEFAULT_SIZE;
  return own.endsWith('%') ? (inherited * Number.parseFloat(own)) / 100 : inherited;
}

function fontWeight(element: Element): number {
  const own = (element as SVGElement).style.fontWeight;
  if (own === 'bold') return 700;
  if (own === 'normal') return 400;
  if (own) return Number(own);
  return element.parentElement ? fontWeight(element.parentElement) : 400;
}

function union(boxes: Box[]): Box {
  return {
    left: Math.min(...boxes.map((box) => box.left)),
    top: Math.min(...boxes.map((box) => box.top)),
    right: Math.max(...boxes.map((box) => box.right)),
    bottom: Math.max(...boxes.map((box) => box.bottom)),
  };
}

/** The box around a box after `translate(…)` and `rotate(…)`, the last of them applied first. */
function transformed(box: Box, transform: string): Box {
  let corners = [
    [box.left, box.top],
    [box.right, box.top],
    [box.left, box.bottom],
    [box.right, box.bottom],
  ] as [number, number][];
  const steps = Array.from(transform.matchAll(/(translate|rotate)\(([^)]*)\)/g)).reverse();
  for (const [, name, list] of steps) {
    const [a = 0, b = 0, c = 0] = list!.split(/[\s,]+/).map(Number);
    corners = corners.map(([x, y]) =>
      name === 'translate' ? [x + a, y + b] : turn(x, y, a, b, c),
    );
  }
  return {
    left: Math.min(...corners.map(([x]) => x)),
    top: Math.min(...corners.map(([, y]) => y)),
    right: Math.max(...corners.map(([x]) => x)),
    bottom: Math.max(...corners.map(([, y]) => y)),
  };
}

function turn(x: number, y: number, degrees: number, cx: number, cy: number): [number, number] {
  const angle = (degrees * Math.PI) / 180;
  const [dx, dy] = [x - cx, y - cy];
  return [
    cx + dx * Math.cos(angle) - dy * Math.sin(angle),
    cy + dx * Math.sin(angle) + dy * Math.cos(angle),
  ];
}
