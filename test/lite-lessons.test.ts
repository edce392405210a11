import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve } from '../setup/lite/serve.mjs';
import { runLesson } from './lite-lesson';
import { findSite, prefix } from './lite-site';
import { needs } from './needs';

/**
 * All lessons of the course in a page, by *Run all*, against their stored outputs. With `FULL=1`;
 * `LESSONS=04,05` takes some of them, `LITE_REPORT=file` adds a line of JSON for each, `LITE_LIMIT=400` interrupts one after so many
 * seconds.
 */

const root = join(__dirname, '..');
const isReady = needs('full').available && needs('browser').available && needs('lite').available;
const LIMIT_SECONDS = Number(process.env.LITE_LIMIT ?? 1500);
const patience = (LIMIT_SECONDS + 300) * 1000;
const chosen = process.env.LESSONS?.split(',');
const names = readdirSync(join(root, 'notebooks')).filter((name) => /^\d.*\.ipynb$/.test(name));
const lessons =
  chosen?.flatMap((start) => names.filter((name) => name.startsWith(`${start}-`))) ?? names;

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
    const found = await runLesson(server.url, name, profile, LIMIT_SECONDS);
    report(found);
    expect(found.failed).toEqual([]);
    expect(found.words).toEqual([]);
  });
});

function report(line: object): void {
  const text = JSON.stringify(line);
  console.log(text);
  if (process.env.LITE_REPORT) appendFileSync(process.env.LITE_REPORT, `${text}\n`);
}
