import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { serve } from '../setup/lite/serve.mjs';
import { startFirefox } from './firefox';
import { ENDLESS } from './lite-forms';
import { runLesson } from './lite-lesson';
import { LiteNotebook } from './lite-page';
import { findSite, prefix } from './lite-site';
import { needs } from './needs';

/** The course in a page of Firefox. With `FULL=1`. */

const isReady = needs('full').available && needs('firefox').available && needs('lite').available;
const patience = 900_000;

describe.skipIf(!isReady)('a page of the course in Firefox', () => {
  const folder = mkdtempSync(join(tmpdir(), 'implicit-lite-'));
  const profile = () => mkdtempSync(join(folder, 'profile-'));
  let server: Awaited<ReturnType<typeof serve>>;

  beforeAll(async () => {
    server = await serve(await findSite(folder), { prefix });
  }, patience);
  afterAll(() => {
    server?.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  test('a lesson says what is stored', { timeout: patience }, async () => {
    const lesson = '02-implicit-gradient-descent.ipynb';
    const found = await runLesson(server.url, lesson, profile(), patience / 2000, {
      start: startFirefox,
    });
    console.log(JSON.stringify(found));
    expect(found.failed).toEqual([]);
    expect(found.words).toEqual([]);
    expect(found.largest).toBeLessThan(1e-6);
  });

  test('an interrupt leaves variables', { timeout: patience }, async () => {
    const context = await startFirefox(profile());
    try {
      const notebook = await LiteNotebook.open(
        context,
        server.url,
        'exercises/03-implicit-sgd.ipynb',
      );
      await notebook.say(0, "import 'implicit-lab';");
      for (const { name, code } of ENDLESS.slice(0, 8)) {
        expect((await notebook.giveUp(0, code)).evalue, name).toBe('the cell was interrupted');
        expect(await notebook.say(0, 'count > 0'), name).toBe('true');
      }
    } finally {
      await context.close();
    }
  });
});
