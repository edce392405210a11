import { WHOLE } from './peer';
import type { Row } from './rows';
import { TURN } from './turns';

/** What a result was measured on. */
export interface About {
  rounds: number;
  processor: string;
  cores: number;
  load: number;
  node: string;
  backend: string;
  /** Of the peers, by their names. */
  versions: Record<string, string>;
}

/** The table of a run; what the peers win is on its first lines. */
export function report(all: readonly Row[], about: About): string {
  const { processor, cores, load, node, backend, versions, rounds } = about;
  const names = Object.keys(versions);
  const [whole, others] = [
    names.filter((name) => WHOLE.includes(name)),
    names.filter((name) => !WHOLE.includes(name)),
  ];
  const rowsOf = (some: readonly string[]) =>
    all.filter(({ peers }) => some.some((name) => peers[name] !== undefined));
  return [
    ...(names.length === 0 ? ['Ours alone: no peer is installed.'] : []),
    ...names.map((name) => lost(all, name)),
    '',
    `${[`${processor}, ${cores} cores, load ${load.toFixed(1)}`, `Node ${node}, ${backend}`, ...names.map((name) => `${name} ${versions[name]}`)].join('; ')}.`,
    `Medians of ${rounds} rounds (fewer where one takes long, or where the ratios hardly differ), and their quartiles; a ratio is the median of the rounds' ratios.`,
    `In a round each system has a turn of ${TURN} ms: what takes less runs several times, the first of which does not count, and the median does.`,
    'Of the fastest: the fastest round of ours over the fastest of theirs, which other work disturbs least.',
    'Errors are relative to the same algorithm in float64, by JAX.',
    '',
    ...compared(all, whole),
    ...(others.length === 0 ? [] : ['', ...compared(rowsOf(others), others)]),
  ].join('\n');
}

/** The times of some systems, and ours. */
function compared(rows: readonly Row[], names: readonly string[]): string[] {
  const header = [
    'workload',
    'ours ms',
    'spread',
    ...names.flatMap((name) => [`${name} ms`, 'spread', 'ours / it', 'of the fastest']),
    'error',
    ...names.map((name) => `${name}'s`),
  ];
  const cells = rows.map(({ name, ours, peers }) => [
    name,
    shown(ours.milliseconds),
    spread(ours.milliseconds),
    ...names.flatMap((of) => {
      const peer = peers[of];
      if (peer === undefined) return ['–', '–', '–', '–'];
      return [
        shown(peer.milliseconds),
        spread(peer.milliseconds),
        middle(peer.ratios).toPrecision(3),
        (least(ours.milliseconds) / least(peer.milliseconds)).toPrecision(3),
      ];
    }),
    exponential(ours.error),
    ...names.map((of) => exponential(peers[of]?.error)),
  ]);
  return table([header, ...cells]);
}

/** Where a peer is faster. */
function lost(rows: readonly Row[], peer: string): string {
  const compared = rows.filter(({ peers }) => peers[peer] !== undefined);
  const faster = compared.filter(({ peers }) => middle(peers[peer]!.ratios) > 1);
  const names = faster.map(({ name }) => name).join('; ');
  return `${peer} is faster in ${faster.length} of ${compared.length} workloads${names && `: ${names}`}.`;
}

export function table(rows: string[][]): string[] {
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
export const middle = (values: readonly number[]) => at(values, 0.5);
const shown = (values: readonly number[]) => middle(values).toPrecision(3);
const spread = (values: readonly number[]) =>
  `${at(values, 0.25).toPrecision(3)}–${at(values, 0.75).toPrecision(3)}`;
const exponential = (value: number | undefined) => value?.toExponential(1) ?? '–';
