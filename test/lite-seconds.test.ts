import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { jupyterEnvironment } from '../setup/jupyterlab.mjs';
import { serve } from '../setup/lite/serve.mjs';
import { venvPython } from '../setup/paths.mjs';
import { type LessonOptions, onWebgpu, runLesson } from './lite-lesson';
import { SOFTWARE_GPU, startBrowser } from './lite-page';
import { chosenLessons } from './lite-served';
import { findSite, prefix } from './lite-site';
import { needs } from './needs';

/**
 * The same lesson under Node.js, in a page as it stands, and in a page on webgpu, in turns, as rows of a table. With
 * `FULL=1`; `LESSONS=02,09` takes others, `ROUNDS=1` runs each once, `GPU=1` takes the machine's own GPU in place
 * of Chromium's software adapter.
 */

const isReady = needs('full').available && needs('browser').available && needs('lite').available;
const patience = 3_600_000;
const ROUNDS = Number(process.env.ROUNDS ?? 2);
const gpu = process.env.GPU === '1' ? ['--enable-features=Vulkan,WebGPU'] : SOFTWARE_GPU;
const HOMES = ['Node.js', 'page', 'page on webgpu'] as const;

test.skipIf(!isReady)('seconds of a lesson in each home', { timeout: patience }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'implicit-lite-'));
  const server = await serve(await findSite(folder), { prefix });
  try {
    console.log(`| lesson | ${HOMES.join(', s | ')}, s |\n| --- | ---: | ---: | ---: |`);
    for (const lesson of chosenLessons(['12'])) {
      const inPage = async (options?: LessonOptions): Promise<number> => {
        const profile = mkdtempSync(join(folder, 'profile-'));
        const limit = patience / 4000;
        const found = await runLesson(server.url, lesson, profile, limit, options);
        expect(found.failed).toEqual([]);
        return found.seconds;
      };
      const run: Record<(typeof HOMES)[number], () => Promise<number>> = {
        'Node.js': () => secondsUnderNode(lesson, join(folder, 'report.json')),
        page: () => inPage(),
        'page on webgpu': () =>
          inPage({ start: (profile) => startBrowser(profile, gpu), edit: onWebgpu }),
      };
      const least = HOMES.map(() => Number.POSITIVE_INFINITY);
      for (let round = 0; round < ROUNDS; round++) {
        for (const [i, home] of HOMES.entries()) {
          // What else the machine does makes a run longer, never shorter.
          least[i] = Math.min(least[i]!, await run[home]());
        }
      }
      console.log(
        `| ${lesson.replace('.ipynb', '')} | ${least.map((seconds) => seconds.toFixed(0)).join(' | ')} |`,
      );
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
      join(root, 'notebooks', lesson),
    ],
    { env: jupyterEnvironment() },
  );
  const [{ seconds }] = JSON.parse(readFileSync(report, 'utf8'));
  return seconds;
}
