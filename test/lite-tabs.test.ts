import type { BrowserContext } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';
import { LiteNotebook, startBrowser } from './lite-page';
import { servedSite } from './lite-served';
import { needs } from './needs';

/** Tabs and kernels that end in the midst of a run. With `FULL=1`. */

const isReady = needs('full').available && needs('browser').available && needs('lite').available;
const patience = 600_000;

const EXERCISE = 'exercises/03-implicit-sgd.ipynb';
const COUNTING = 'let count = 0;\nfor (;;) count++;';

describe.skipIf(!isReady)('tabs of the course', () => {
  const site = servedSite(patience);
  let context: BrowserContext;

  const open = (path = EXERCISE) => LiteNotebook.open(context, site.url(), path);

  afterEach(() => context?.close(), patience);

  test(
    'a reload, a restart, and a tab that is closed, in the midst of a run, leave what was written',
    async () => {
      context = await startBrowser(site.profile());
      const notebook = await open();
      const { page } = notebook;
      const { ended } = await notebook.begin(0, COUNTING);
      await notebook.restart();
      await ended;
      expect(await notebook.say(1, 'typeof count')).toContain("Cannot find name 'count'");
      expect(await notebook.say(1, '1 + 1')).toBe('2');

      const reloaded = await notebook.begin(0, COUNTING);
      reloaded.ended.catch(() => {});
      await notebook.save();
      await page.reload();
      await notebook.isOpen();
      expect((await notebook.sources())[0]).toContain(COUNTING);
      expect(await notebook.say(1, '1 + 2')).toBe('3');

      const closed = await notebook.begin(0, COUNTING);
      closed.ended.catch(() => {});
      await notebook.save();
      await page.close();
      const again = await open();
      expect((await again.sources())[0]).toContain(COUNTING);
      expect(await again.say(1, '1 + 3')).toBe('4');
    },
    patience,
  );
});
