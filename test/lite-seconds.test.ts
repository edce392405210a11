import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { jupyterEnvironment } from '../setup/jupyterlab.mjs';
import { serve } from '../setup/lite/serve.mjs';
import { venvPython } from '../setup/paths.mjs';
import { runLesson } from './lite-lesson';
import { findSite, prefix } from './lite-site';
import { needs } from './needs';

/**
 * The same lesson under Node.js and in a page, in turns, as rows of a table. With `FULL=1`;
 * `SECONDS_OF=02-implicit-gradient-descent,09-inverse-hessian-products` names others.
 */

const isReady = needs('full').available && needs('browser').available && needs('lite').available;
const patience = 3_600_000;
const ROUNDS = 2;
const lessons = (process.env.SECONDS_OF ?? '01-stiffness,02-implicit-gradient-descent').split(',');

test.skipIf(!isReady)('seconds of a lesson in both homes', { timeout: patience }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'implicit-lite-'));
  const server = await serve(await findSite(folder), { prefix });
  try {
    console.log('| lesson | Node.js, s | page, s | page / Node.js |\n| --- | ---: | ---: | ---: |');
    for (const lesson of lessons) {
      const seconds = { node: [] as number[], page: [] as number[] };
      for (let round = 0; round < ROUNDS; round++) {
        seconds.node.push(await secondsUnderNode(lesson, join(folder, 'report.json')));
        const profile = mkdtempSync(join(folder, 'profile-'));
        const found = await runLesson(server.url, `${lesson}.ipynb`, profile, patience / 2000);
        expect(found.failed).toEqual([]);
        seconds.page.push(found.seconds);
      }
      // What else the machine does makes a run longer, never shorter.
      const [node, page] = [Math.min(...seconds.node), Math.min(...seconds.page)];
      const ratio = (page / node).toPrecision(2);
      console.log(`| ${lesson} | ${node.toFixed(0)} | ${page.toFixed(0)} | ${ratio} |`);
    }
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});

async function secondsUnderNode(lesson: string, report: string): Promise<number> {
  const root = join(__dirname, '..');
  await promisify(execFile)(
    venvPython,
    [
      join(root, 'test', 'lessons.py'),
      '--jobs',
      '1',
      '--report',
      report,
      join(root, 'notebooks', `${lesson}.ipynb`),
    ],
    { env: jupyterEnvironment() },
  );
  const [{ seconds }] = JSON.parse(readFileSync(report, 'utf8'));
  return seconds;
}
