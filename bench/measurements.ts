import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { dirname, join } from 'node:path';

/** Milliseconds of the rounds of one measurement, by its label. */
export type Measurements = Record<string, number[]>;

/** What a benchmark measured, with what is needed to judge it later. */
export interface Saved {
  benchmark: string;
  args: string[];
  date: string;
  machine: string;
  node: string;
  load: number;
  measurements: Measurements;
}

const measured: Measurements = {};

/** Notes a measurement of the benchmark that runs, for `--save` and `--compare`. */
export function record(label: string, milliseconds: readonly number[]): void {
  measured[label] = [...(measured[label] ?? []), ...milliseconds];
}

/** What was recorded so far, with the machine. */
export const recorded = (benchmark: string, args: string[]): Saved => ({
  benchmark,
  args,
  date: new Date().toISOString(),
  machine: `${os.cpus()[0]?.model}, ${os.availableParallelism()} cores`,
  node: process.version,
  load: os.loadavg()[0]!,
  measurements: measured,
});

/** Where a benchmark's measurements are kept under a name. */
export const pathOf = (benchmark: string, name: string): string =>
  join(__dirname, 'saved', benchmark, `${name}.json`);

export function save(saved: Saved, name: string): void {
  const path = pathOf(saved.benchmark, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${JSON.stringify(saved, null, 2)}\n`);
}

/** The saved measurements, or undefined if there are none of that name. */
export function load(benchmark: string, name: string): Saved | undefined {
  const path = pathOf(benchmark, name);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined;
}

/** A measurement now, compared with the saved one. */
export interface Ratio {
  label: string;
  before: number;
  after: number;
  /** Median now over median before. */
  ratio: number;
  /**
   * The least and the largest ratio of a quartile now to the opposite quartile before: a ratio whose
   * range includes 1 may be chance.
   */
  range: [number, number];
  /** Empty with fewer than three rounds each. */
  verdict: 'faster' | 'slower' | '';
}

/** The ratios of what both have measured; what only one has is left out. */
export function ratiosOf(before: Measurements, after: Measurements): Ratio[] {
  return Object.entries(after).flatMap(([label, now]) => {
    const then = before[label];
    if (then === undefined || then.length === 0 || now.length === 0) return [];
    const [old, fresh] = [quartiles(then), quartiles(now)];
    const range: [number, number] = [fresh[0] / old[2], fresh[2] / old[0]];
    const isSure = Math.min(then.length, now.length) >= 3;
    const verdict = !isSure ? '' : range[1] < 1 ? 'faster' : range[0] > 1 ? 'slower' : '';
    return [{ label, before: old[1], after: fresh[1], ratio: fresh[1] / old[1], range, verdict }];
  });
}

/** The comparison as a text. */
export function comparison(before: Saved, after: Saved, name: string): string {
  const ratios = ratiosOf(before.measurements, after.measurements);
  const rows = [
    ['milliseconds', name, 'now', 'ratio', 'quartiles', ''],
    ...ratios.map(({ label, before, after, ratio, range, verdict }) => [
      label,
      before.toFixed(2),
      after.toFixed(2),
      ratio.toFixed(2),
      `${range[0].toFixed(2)} – ${range[1].toFixed(2)}`,
      verdict,
    ]),
  ];
  const widths = rows[0]!.map((_, j) => Math.max(...rows.map((row) => row[j]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, j) => (j === 0 ? cell.padEnd(widths[j]!) : cell.padStart(widths[j]!)))
      .join('  ')
      .trimEnd(),
  );
  const notes = [
    `${name}: ${before.date}, load ${before.load.toFixed(1)}; now: load ${after.load.toFixed(1)}.`,
    ...different('machine', before.machine, after.machine),
    ...different('Node.js', before.node, after.node),
    ...different('arguments', before.args.join(' ') || 'none', after.args.join(' ') || 'none'),
    ...missing(before.measurements, after.measurements),
  ];
  return [...notes, '', ...lines].join('\n');
}

const different = (what: string, before: string, after: string) =>
  before === after ? [] : [`Other ${what}: ${before} before, ${after} now. Ratios mislead.`];

function missing(before: Measurements, after: Measurements): string[] {
  const lost = Object.keys(before).filter((label) => !(label in after));
  return lost.length === 0 ? [] : [`Not measured now: ${lost.join('; ')}.`];
}

/** The quartiles, those between two numbers by interpolation. */
function quartiles(values: readonly number[]): [number, number, number] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => {
    const place = share * (sorted.length - 1);
    const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
    return low + (high - low) * (place - Math.floor(place));
  };
  return [at(0.25), at(0.5), at(0.75)];
}
