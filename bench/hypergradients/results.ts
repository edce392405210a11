import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout, Trace } from '../../course/notebook';
import { figureBundle } from '../../course/notebook/figure';
import { printTable } from './table';

const FOLDER = join(__dirname, '..', 'results', 'hypergradients');

type Rows = Parameters<typeof printTable>[2];

/** A result of a reproduction: a table, and the figure that goes with it. */
export interface Result {
  title: string;
  /** What to look for, and what the peer has published. */
  note: string;
  rows: Rows;
  traces: readonly Trace[];
  layout: Layout;
  /** The figure said in words. */
  words: string;
  /** As in `figure`. */
  labels?: 'legend' | 'ends';
  gaps?: string;
}

/** Prints the table, and keeps it as `NAME.txt` next to its figure `NAME.png`. */
export async function keepResult(name: string, result: Result): Promise<void> {
  const { title, note, rows, traces, layout, words, labels, gaps } = result;
  mkdirSync(FOLDER, { recursive: true });
  const options = { words, ...(labels && { labels }), ...(gaps && { gaps }) };
  const { data } = await figureBundle(traces, { title, ...layout }, options);
  writeFileSync(join(FOLDER, `${name}.png`), Buffer.from(data['image/png'] as string, 'base64'));
  const printed: string[] = [];
  const print = console.log;
  console.log = (line: string) => printed.push(line);
  try {
    printTable(title, note, rows);
  } finally {
    console.log = print;
  }
  const text = printed.join('\n').trim();
  console.log(`\n${text}`);
  writeFileSync(join(FOLDER, `${name}.txt`), `${text}\n\n${words}\n`);
}
