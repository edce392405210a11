import type { Row } from './rows';

/** What a result was measured on. */
export interface About {
  rounds: number;
  processor: string;
  cores: number;
  load: number;
  node: string;
  backend: string;
  jax: string | null;
}

/** The table of a run; what the peer wins is on its first line. */
export function report(rows: readonly Row[], about: About): string {
  const lost = rows.filter(({ ratios }) => ratios.length > 0 && middle(ratios) > 1);
  const compared = rows.filter(({ ratios }) => ratios.length > 0).length;
  const first =
    compared === 0
      ? 'Ours alone: no peer is installed.'
      : `JAX is faster in ${lost.length} of ${compared} workloads${lost.length === 0 ? '' : `: ${lost.map(({ name }) => name).join('; ')}`}.`;
  const header = [
    'workload',
    'ours ms',
    'spread',
    'JAX ms',
    'spread',
    'ours / JAX',
    'of the fastest',
    'error',
    'JAX error',
  ];
  const cells = rows.map(({ name, ours, peer, ratios }) => [
    name,
    shown(ours.milliseconds),
    spread(ours.milliseconds),
    peer ? shown(peer.milliseconds) : '–',
    peer ? spread(peer.milliseconds) : '–',
    ratios.length > 0 ? middle(ratios).toPrecision(3) : '–',
    peer ? (least(ours.milliseconds) / least(peer.milliseconds)).toPrecision(3) : '–',
    ours.error?.toExponential(1) ?? '–',
    peer?.error?.toExponential(1) ?? '–',
  ]);
  const { processor, cores, load, node, backend, jax, rounds } = about;
  return [
    first,
    '',
    `${processor}, ${cores} cores, load ${load.toFixed(1)}; Node ${node}, ${backend}; JAX ${jax ?? '–'}.`,
    `Medians of ${rounds} rounds in turn, and their quartiles; the ratio is the median of the rounds' ratios.`,
    'Of the fastest: the fastest round of ours over the fastest of theirs, which other work disturbs least.',
    'Errors are relative to the same algorithm in float64, by JAX.',
    '',
    ...table([header, ...cells]),
  ].join('\n');
}

function table(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, j) => Math.max(...rows.map((row) => row[j]!.length)));
  return rows.map((row) =>
    row
      .map((cell, j) => (j === 0 ? cell.padEnd(widths[j]!) : cell.padStart(widths[j]!)))
      .join('  '),
  );
}

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const at = (values: readonly number[], part: number) =>
  sorted(values)[Math.floor(part * (values.length - 1))]!;
const least = (values: readonly number[]) => at(values, 0);
const middle = (values: readonly number[]) => at(values, 0.5);
const shown = (values: readonly number[]) => middle(values).toPrecision(3);
const spread = (values: readonly number[]) =>
  `${at(values, 0.25).toPrecision(3)}–${at(values, 0.75).toPrecision(3)}`;
