import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve } from '../setup/lite/serve.mjs';
import { onWebgpu, runLesson } from './lite-lesson';
import { SOFTWARE_GPU, startBrowser } from './lite-page';
import { findSite, prefix } from './lite-site';
import { needs } from './needs';

/**
 * Lessons in a page on webgpu, by the software adapter of Chromium, against outputs that are stored of wasm. With
 * `FULL=1`; `LESSONS=12-forward-reverse-truncated` takes others.
 */

const isReady = needs('full').available && needs('browser').available && needs('lite').available;
const LIMIT_SECONDS = Number(process.env.LITE_LIMIT ?? 1500);
const patience = (LIMIT_SECONDS + 300) * 1000;
const lessons = (
  process.env.LESSONS ?? '12-forward-reverse-truncated,13-the-curse-of-unrolling'
).split(',');

describe.skipIf(!isReady)('lessons in a page on webgpu', () => {
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
    const found = await runLesson(server.url, `${name}.ipynb`, profile, LIMIT_SECONDS, {
      start: (folder) => startBrowser(folder, SOFTWARE_GPU),
      edit: onWebgpu,
    });
    console.log(JSON.stringify(found));
    expect(found.failed).toEqual([]);
    expect(found.words).toEqual([]);
  });
});
