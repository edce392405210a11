import { Resvg } from '@resvg/resvg-js';
import { JSDOM } from 'jsdom';
import { describe, expect, it } from 'vitest';
import { FAMILY, fontFiles, signRuns, textWidth } from './fonts';
import { textBox } from './measure';

/** The width of the ink between two bars that enclose the text, as the renderer sees it. */
function renderedWidth(text: string, size: number, weight: number): number {
  const ink = (content: string) => {
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="200"><text x="9" y="100" style="font-family: ${FAMILY}; font-size: ${size}px; font-weight: ${weight}">${content}</text></svg>`;
    const font = { fontFiles: fontFiles(), loadSystemFonts: false };
    return new Resvg(svg, { font }).getBBox()!.width;
  };
  return ink(`|${text}|`) - ink('||');
}

function svg(content: string): Element {
  const { document } = new JSDOM(`<svg>${content}</svg>`).window;
  return document.querySelector('svg')!.firstElementChild!;
}

describe('textWidth', () => {
  it.each([
    ['Error of the hypergradient', 17, 600],
    ['inner steps', 13, 400],
    ['0.0125', 13, 400],
    ['κ⁻¹ = 10⁻³ ≤ ½√λ', 13, 400],
  ])('agrees with the renderer on “%s” to 3 percent', (text, size, weight) => {
    const rendered = renderedWidth(text, size, weight);
    expect(Math.abs(textWidth(text, size, weight) / rendered - 1)).toBeLessThan(0.03);
  });

  it('knows signs that only the second font has', () => {
    expect(signRuns('a∇b')).toEqual([
      { run: 'a', signs: false },
      { run: '∇', signs: true },
      { run: 'b', signs: false },
    ]);
    expect(textWidth('∇', 100, 400)).toBeCloseTo(66.9, 1);
  });
});

describe('textBox', () => {
  const width = textWidth('step', 10, 400);

  it('grows from the anchor', () => {
    const box = (anchor: string) =>
      textBox(
        svg(`<text x="100" y="50" style="font-size: 10px" text-anchor="${anchor}">step</text>`),
      )!;
    expect(box('start').left).toBeCloseTo(100);
    expect(box('middle').left).toBeCloseTo(100 - width / 2);
    expect(box('end').left).toBeCloseTo(100 - width);
    expect(box('start').top).toBeLessThan(50);
    expect(box('start').bottom).toBeGreaterThan(50);
  });

  it('lowers a text by its dy', () => {
    const plain = textBox(svg('<text style="font-size: 10px">step</text>'))!;
    const lowered = textBox(svg('<text dy="0.7em" style="font-size: 10px">step</text>'))!;
    expect(lowered.top - plain.top).toBeCloseTo(7);
  });

  it('stacks lines and takes the widest', () => {
    const lines = ['st', 'step'].map((line) => `<tspan class="line">${line}</tspan>`).join('');
    const one = textBox(svg('<text style="font-size: 10px">step</text>'))!;
    const two = textBox(svg(`<text style="font-size: 10px">${lines}</text>`))!;
    expect(two.right - two.left).toBeCloseTo(width);
    expect(two.bottom - one.bottom).toBeCloseTo(13);
  });

  it('counts exponents smaller', () => {
    const power = '<text style="font-size: 10px">10<tspan style="font-size: 70%">−3</tspan></text>';
    const { left, right } = textBox(svg(power))!;
    expect(right - left).toBeCloseTo(textWidth('10', 10, 400) + textWidth('−3', 7, 400));
  });

  it('follows groups that are moved and turned', () => {
    const turned = textBox(
      svg(
        '<g transform="translate(7,9)"><text transform="rotate(-90)" style="font-size: 10px">step</text></g>',
      ),
    )!;
    expect(turned.bottom).toBeCloseTo(9);
    expect(turned.top).toBeCloseTo(9 - width);
  });

  it('applies the last part of a transform first', () => {
    const box = textBox(
      svg('<text transform="translate(7,9)rotate(-90,0,5)" style="font-size: 10px">step</text>'),
    )!;
    expect(box.bottom).toBeCloseTo(14);
    expect(box.top).toBeCloseTo(14 - width);
  });

  it('finds nothing where there is no text', () => {
    expect(textBox(svg('<g><rect width="5" height="5"/></g>'))).toBeUndefined();
  });
});
