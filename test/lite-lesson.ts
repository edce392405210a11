import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { BrowserContext } from 'playwright-core';
import { type Comparison, compare, compareClaims, isSmaller, sum } from './compare-outputs';
import { LiteNotebook, startBrowser } from './lite-page';
import { tabOf } from './lite-site';
import type { Output } from './output';

const root = join(__dirname, '..');

/** What became of a lesson in a page. */
export interface LessonReport extends Comparison {
  name: string;
  seconds: number;
  slowest: string;
  /** Seconds of each code cell, in their order. */
  cells: number[];
  /** Whether the page took smaller sizes: then its claims alone are compared. */
  smaller: boolean;
  /** Cells with an error. */
  failed: string[];
  /** What the tab holds when its last cell ends, and has worked since it was opened. */
  megabytesAtEnd: number;
  processorSeconds: number;
  /** What it holds after `restSeconds`: a browser frees what is no longer used when it has nothing else to do. */
  megabytes: number;
}

/** A cell of a lesson that chooses a backend, with webgpu as its choice. */
export const onWebgpu = (source: string): string =>
  source.replace(/await useBackend\([^)]*\)/, "await useBackend('webgpu')");

/** How a lesson is run that is not run as it stands in Chromium. */
export interface LessonOptions {
  start?: (profile: string) => Promise<BrowserContext>;
  /** What a code cell is to say instead. */
  edit?: (source: string) => string;
  /** From the end of the last cell until memory is measured again. Default 0. */
  restSeconds?: number;
}

/** Runs a lesson by *Run all* in a browser of its own, and compares it with its stored outputs. */
export async function runLesson(
  site: string,
  name: string,
  profile: string,
  limitSeconds: number,
  { start = startBrowser, edit, restSeconds = 0 }: LessonOptions = {},
): Promise<LessonReport> {
  const context = await start(profile);
  try {
    const notebook = await LiteNotebook.open(context, site, `notebooks/${name}`);
    const stored = storedOutputs(join(root, 'notebooks', name));
    if (edit) {
      for (const [i, source] of (await notebook.sources()).entries()) {
        await notebook.write(i, edit(source));
      }
    }
    const cells = await notebook.runAll(limitSeconds);
    const { megabytes: megabytesAtEnd, processorSeconds } = tabOf(profile);
    await setTimeout(1000 * restSeconds);
    const { megabytes } = tabOf(profile);
    await notebook.look(name.replace('.ipynb', ''), '.js-plotly-plot');
    const failed = cells.flatMap(({ outputs }, i) =>
      outputs
        .filter(({ output_type }) => output_type === 'error')
        .map(({ ename, evalue }) => `cell ${i}: ${ename}: ${evalue}`),
    );
    const smaller = cells.some(({ outputs }) => isSmaller(outputs));
    const against = smaller ? compareClaims : compare;
    const seconds = cells.map((cell) => cell.seconds);
    const slowest = Math.max(...seconds);
    return {
      name,
      seconds: Math.round(seconds.reduce((total, each) => total + each, 0)),
      slowest: `cell ${seconds.indexOf(slowest)}: ${Math.round(slowest)} s`,
      cells: seconds.map(Math.round),
      failed,
      megabytesAtEnd,
      processorSeconds,
      megabytes,
      ...sum(cells.map(({ outputs }, i) => against(outputs, stored[i] ?? []))),
      smaller,
    };
  } finally {
    await context.close();
  }
}

function storedOutputs(file: string): Output[][] {
  const { cells }: { cells: { cell_type: string; outputs: Output[] }[] } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  return cells.filter(({ cell_type }) => cell_type === 'code').map(({ outputs }) => outputs);
}
