import { describe, expect, test } from 'vitest';
import { startFirefox } from './firefox';
import { ENDLESS } from './lite-forms';
import { runLesson } from './lite-lesson';
import { LiteNotebook } from './lite-page';
import { servedSite } from './lite-served';
import { needs } from './needs';

/** The course in a page of Firefox. With `FULL=1`. */

const isReady = needs('full').available && needs('firefox').available && needs('lite').available;
const patience = 1_800_000;

describe.skipIf(!isReady)('a page of the course in Firefox', () => {
  const site = servedSite(patience);

  test('a lesson says what is stored', { timeout: patience }, async () => {
    const lesson = '02-implicit-gradient-descent.ipynb';
    const found = await runLesson(site.url(), lesson, site.profile(), patience / 2000, {
      start: startFirefox,
    });
    console.log(JSON.stringify(found));
    expect(found.failed).toEqual([]);
    expect(found.words).toEqual([]);
    expect(found.largest).toBeLessThan(1e-6);
  });

  test('an interrupt leaves variables', { timeout: patience }, async () => {
    const context = await startFirefox(site.profile());
    try {
      const notebook = await LiteNotebook.open(
        context,
        site.url(),
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
