import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve } from '../setup/lite/serve.mjs';
import { compare, sum } from './lite-compare';
import { LiteNotebook, type Output, startBrowser } from './lite-page';
import { findSite, memoryOf, prefix } from './lite-site';
import { needs } from './needs';

/**
 * All lessons of the course in a page, by *Run all*, against their stored outputs. With `FULL=1`;
 * `LESSONS=04,05` takes some of them, `LITE_REPORT=file` adds a line of JSON for each.
 */

const root = join(__dirname, '..');
const isReady = process.env.FULL === '1' && needs('browser').available && needs('lite').available;
const LIMIT_SECONDS = 1500;
const patience = (LIMIT_SECONDS + 300) * 1000;
const chosen = process.env.LESSONS?.split(',');
const lessons = readdirSync(join(root, 'notebooks'))
  .filter((name) => /^\d.*\.ipynb$/.test(name))
  .filter((name) => !chosen || chosen.some((start) => name.startsWith(`${start}-`)));

describe.skipIf(!isReady)('all lessons in a page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'implicit-lite-'));
  let server: Awaited<ReturnType<typeof serve>>;

  beforeAll(async () => {
    server = await serve(await findSite(folder), { prefix });
  }, patience);

  afterAll(() => {
    server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  test.for(lessons)('lesson %s says what is stored', { timeout: patience }, async (name) => {
    const profile = mkdtempSync(join(folder, 'profile-'));
    const context = await startBrowser(profile);
    try {
      const notebook = await LiteNotebook.open(context, server.url, `notebooks/${name}`);
      const stored = storedOutputs(join(root, 'notebooks', name));
      const cells = await notebook.runAll(LIMIT_SECONDS);
      const failed = cells.flatMap(({ outputs }, i) =>
        outputs
          .filter(({ output_type }) => output_type === 'error')
          .map(({ ename, evalue }) => `cell ${i}: ${ename}: ${evalue}`),
      );
      const found = sum(cells.map(({ outputs }, i) => compare(outputs, stored[i] ?? [])));
      const seconds = cells.map((cell) => cell.seconds);
      report({
        name,
        seconds: Math.round(seconds.reduce((total, each) => total + each, 0)),
        slowest: `cell ${seconds.indexOf(Math.max(...seconds))}: ${Math.round(Math.max(...seconds))} s`,
        failed,
        megabytes: memoryOf(profile),
        ...found,
      });
      expect(failed).toEqual([]);
      expect(found.words).toEqual([]);
    } finally {
      await context.close();
    }
  });
});

function report(line: object): void {
  const text = JSON.stringify(line);
  console.log(text);
  if (process.env.LITE_REPORT) appendFileSync(process.env.LITE_REPORT, `${text}\n`);
}

function storedOutputs(file: string): Output[][] {
  const { cells }: { cells: { cell_type: string; outputs: Output[] }[] } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  return cells.filter(({ cell_type }) => cell_type === 'code').map(({ outputs }) => outputs);
}
