import { middle } from './report';
import type { Row } from './rows';
import { svgStart, textAt } from './svg';

const [WIDTH, LEFT, RIGHT, TOP, LINE] = [760, 230, 20, 50, 22];

/** Ours over each peer's time, on a logarithmic axis, as SVG: left of 1 ours is faster. */
export function figure(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap(({ peers }) => Object.keys(peers)))];
  const ratios = rows.flatMap(({ peers }) =>
    Object.values(peers).map(({ ratios }) => middle(ratios)),
  );
  const [from, to] = [
    Math.floor(Math.log2(Math.min(0.5, ...ratios))),
    Math.ceil(Math.log2(Math.max(2, ...ratios))),
  ];
  const x = (ratio: number) =>
    (LEFT + ((Math.log2(ratio) - from) / (to - from)) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const bottom = TOP + LINE * rows.length;
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => 2 ** (from + i));
  const body = [
    textAt(LEFT, 18, 'Time of ours over that of a peer (left of 1 ours is faster)', 'start'),
    ...names.map(
      (name, i) =>
        `<circle cx="${LEFT + 6 + 100 * i}" cy="33" r="5" class="f${i + 1}"/>${textAt(LEFT + 16 + 100 * i, 38, name, 'start')}`,
    ),
    ...ticks.flatMap((tick) => [
      `<line x1="${x(tick)}" x2="${x(tick)}" y1="${TOP}" y2="${bottom}" class="${tick === 1 ? 'ink' : 'grid'}"/>`,
      textAt(x(tick), bottom + 16, `${tick < 1 ? `1/${1 / tick}` : tick}`),
    ]),
    ...rows.flatMap(({ name, peers }, i) => {
      const y = TOP + LINE * (i + 0.5);
      return [
        textAt(LEFT - 10, y + 4, name, 'end'),
        ...names.flatMap((of, j) => {
          const peer = peers[of];
          if (peer === undefined) return [];
          return `<circle cx="${x(middle(peer.ratios))}" cy="${y}" r="5" class="f${j + 1}"/>`;
        }),
      ];
    }),
  ];
  const height = bottom + 26;
  return `${svgStart('Time of implicit-lab over that of its peers, by workload', WIDTH, height)}
${body.join('\n')}
</svg>
`;
}
