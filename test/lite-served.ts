import { appendFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve } from '../setup/lite/serve.mjs';
import { type LessonOptions, runLesson } from './lite-lesson';
import { findSite, prefix } from './lite-site';
import { needs } from './needs';

/** A site that a file of tests has to itself. */
export interface ServedSite {
  url(): string;
  /** A new folder for the profile of a browser. */
  profile(): string;
}

const lessons = readdirSync(join(__dirname, '..', 'notebooks')).filter((name) =>
  /^\d.*\.ipynb$/.test(name),
);

/** The lessons that `LESSONS=04,05` names by their numbers, or else `usual`, which are all if left out. */
export function chosenLessons(usual?: readonly string[]): readonly string[] {
  const numbers = process.env.LESSONS?.split(',') ?? usual;
  return numbers ? numbers.flatMap(lessonsOf) : lessons;
}

function lessonsOf(number: string): string[] {
  const found = lessons.filter((name) => name.startsWith(`${number}-`));
  if (found.length === 0) throw new Error(`There is no lesson ${number}.`);
  return found;
}

/** Serves the site while the tests of the `describe` around it run. */
export function servedSite(patience: number): ServedSite {
  const folder = mkdtempSync(join(tmpdir(), 'implicit-lite-'));
  let server: Awaited<ReturnType<typeof serve>> | undefined;
  beforeAll(async () => {
    server = await serve(await findSite(folder), { prefix });
  }, patience);
  afterAll(() => {
    server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    url: () => server!.url,
    profile: () => mkdtempSync(join(folder, 'profile-')),
  };
}

/**
 * With `FULL=1`: that lessons in a page say what is stored, each in a browser of its own. `LITE_REPORT=file` adds a
 * line of JSON for each; `LITE_LIMIT=400` interrupts one after that many seconds.
 */
export function compareLessons(
  title: string,
  names: readonly string[],
  options: LessonOptions = {},
): void {
  const limitSeconds = Number(process.env.LITE_LIMIT ?? 1500);
  const patience = (limitSeconds + 300) * 1000;
  const isReady = needs('full').available && needs('browser').available && needs('lite').available;
  describe.skipIf(!isReady)(title, () => {
    const site = servedSite(patience);
    test.for(names)('lesson %s says what is stored', { timeout: patience }, async (name) => {
      const found = await runLesson(site.url(), name, site.profile(), limitSeconds, {
        restSeconds: 20,
        ...options,
      });
      report(found);
      expect(found.failed).toEqual([]);
      expect(found.words).toEqual([]);
    });
  });
}

function report(line: object): void {
  const text = JSON.stringify(line);
  console.log(text);
  if (process.env.LITE_REPORT) appendFileSync(process.env.LITE_REPORT, `${text}\n`);
}
