import { middle } from './report';
import type { Row } from './rows';
import { COURSES, pointName } from './scaling';
import { svgStart, textAt } from './svg';

const [WIDTH, HEIGHT, LEFT, TOP, GAP] = [360, 260, 60, 50, 40];

/** How cost grows, as SVG: a panel for each course, both axes logarithmic. */
export function growthFigure(rows: ReadonlyMap<string, Row>, peers: readonly string[]): string {
  const systems = ['ours', ...peers];
  const panels = COURSES.map((_, i) => panel(rows, systems, i));
  const [width, height] = [2 * (WIDTH + LEFT), 2 * (HEIGHT + TOP) + 10];
  const legend = systems.map(
    (name, i) =>
      `<circle cx="${LEFT + 100 * i}" cy="16" r="5" class="f${i}"/>${textAt(LEFT + 10 + 100 * i, 21, name, 'start')}`,
  );
  return `${svgStart('How the cost of a hypergradient grows', width, height)}
${[...legend, ...panels].join('\n')}
</svg>
`;
}

function panel(rows: ReadonlyMap<string, Row>, systems: readonly string[], course: number): string {
  const { of, points } = COURSES[course]!;
  const lines = systems.map((system) =>
    points.flatMap(({ x }, j) => {
      const row = rows.get(pointName(course, j));
      const timed = system === 'ours' ? row?.ours : row?.peers[system];
      const y = timed === undefined ? Number.NaN : middle(timed.milliseconds);
      return y > 0 ? [{ x: Math.log10(x), y: Math.log10(y) }] : [];
    }),
  );
  const all = lines.flat();
  const range = (found: readonly number[]): [number, number] => {
    const values = found.length === 0 ? [0] : found;
    return [
      Math.floor(Math.min(...values)),
      Math.max(Math.floor(Math.min(...values)) + 1, Math.ceil(Math.max(...values) - 0.05)),
    ];
  };
  const [left, right] = range(all.map(({ x }) => x));
  const [bottom, top] = range(all.map(({ y }) => y));
  const [width, height] = [WIDTH - LEFT, HEIGHT - GAP];
  const atX = (x: number) => (LEFT + ((x - left) / (right - left)) * width).toFixed(1);
  const atY = (y: number) => (TOP + height - ((y - bottom) / (top - bottom)) * height).toFixed(1);
  const grid = [
    ...powers(left, right).map(
      (x) =>
        `<line x1="${atX(x)}" x2="${atX(x)}" y1="${TOP}" y2="${TOP + height}" class="grid"/>${textAt(atX(x), TOP + height + 16, power(x))}`,
    ),
    ...powers(bottom, top).map(
      (y) =>
        `<line x1="${LEFT}" x2="${LEFT + width}" y1="${atY(y)}" y2="${atY(y)}" class="grid"/>${textAt(LEFT - 6, Number(atY(y)) + 4, power(y), 'end')}`,
    ),
  ];
  const curves = lines.flatMap((line, i) => [
    `<polyline points="${line.map(({ x, y }) => `${atX(x)},${atY(y)}`).join(' ')}" class="s${i}"/>`,
    ...line.map(({ x, y }) => `<circle cx="${atX(x)}" cy="${atY(y)}" r="3" class="f${i}"/>`),
  ]);
  const shift = `translate(${(course % 2) * (WIDTH + LEFT)} ${Math.floor(course / 2) * (HEIGHT + TOP)})`;
  return `<g transform="${shift}">
${[textAt(LEFT, TOP - 8, `ms by ${of}`, 'start'), ...grid, ...curves].join('\n')}
</g>`;
}

const powers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

const power = (exponent: number) =>
  exponent >= -1 && exponent <= 2
    ? `${10 ** exponent}`
    : `10${[...`${exponent}`].map((digit) => SUPERSCRIPTS[digit]).join('')}`;

const SUPERSCRIPTS: Record<string, string> = {
  ...{ '-': '⁻', '0': '⁰', '1': '¹', '2': '²', '3': '³' },
  ...{ '4': '⁴', '5': '⁵', '6': '⁶', '7': '⁷', '8': '⁸', '9': '⁹' },
};
