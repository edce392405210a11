import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';
import { LiteNotebook, NO_FRAME_APART, startBrowser } from './lite-page';
import { servedSite } from './lite-served';
import { needs } from './needs';
import { textOf } from './output';

/** Two tabs of one site; tabs and kernels that end in the middle of a run; a browser that keeps nothing, or no more. With `FULL=1`. */

const isReady = needs('full').available && needs('browser').available && needs('lite').available;
const patience = 1_800_000;

const EXERCISE = 'exercises/03-implicit-sgd.ipynb';
const COUNTING = 'let count = 0;\nfor (;;) count++;';

describe.skipIf(!isReady)('tabs of the course', () => {
  const site = servedSite(patience);
  let context: BrowserContext;

  const open = (path = EXERCISE) => LiteNotebook.open(context, site.url(), path);

  afterEach(() => context?.close(), patience);

  test.for([
    ['with cells in frames of their own', []],
    ['with cells in the process of the page', NO_FRAME_APART],
  ] as const)(
    'an interrupt reaches the kernel that it is meant for, in two tabs and in one, %s',
    { timeout: patience },
    async ([, args]) => {
      context = await startBrowser(site.profile(), args);
      const first = await open();
      const second = await open('exercises/01-stiffness.ipynb');
      const beside = second.as('exercises/02-implicit-gradient-descent.ipynb');
      await beside.show();
      const all = [first, second, beside];
      const isolated = String(args.length === 0);
      const ended: number[] = [];
      const runs: Promise<string | undefined>[] = [];
      for (const [i, notebook] of all.entries()) {
        // A tab that is not seen draws nothing, which waiting in it is for.
        await notebook.page.bringToFront();
        await notebook.say(1, `const mine = ${i};`);
        expect(await notebook.say(1, 'crossOriginIsolated')).toBe(isolated);
        const { ended: outputs } = await notebook.begin(0, COUNTING);
        runs.push(
          outputs.then((all) => {
            ended.push(i);
            return all.at(-1)?.evalue;
          }),
        );
      }
      for (const i of [1, 0, 2]) {
        await all[i]!.page.bringToFront();
        await all[i]!.interrupt();
        expect(await runs[i]).toBe('the cell was interrupted');
      }
      expect(ended).toEqual([1, 0, 2]);
      for (const [i, notebook] of all.entries()) {
        await notebook.page.bringToFront();
        expect(await notebook.say(1, '[mine, count > 0]')).toBe(`[ ${i}, true ]`);
      }
    },
  );

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

  test(
    'a browser that keeps nothing says so, and runs cells and checks all the same',
    async () => {
      const profile = site.profile();
      mkdirSync(join(profile, 'Default'), { recursive: true });
      // What a reader chooses by "block all cookies": it forbids every storage.
      const blocked = { profile: { default_content_setting_values: { cookies: 2 } } };
      writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(blocked));
      context = await startBrowser(profile);
      const notebook = await open('exercises/01-stiffness.ipynb');
      await notebook.page
        .getByText(/This browser keeps nothing/)
        .first()
        .waitFor();
      const sources = await notebook.sources();
      const at = (start: string) => sources.findIndex((source) => source.startsWith(start));
      for (const start of ['import {', 'function backwardEulerStep']) {
        await notebook.run(at(start));
      }
      const check = at("await check('euler-01'");
      await notebook.run(check);
      const verdict = () => notebook.outputs(check).then(textOf);
      await expect.poll(verdict).toMatch(/^○ euler-01/);
    },
    patience,
  );

  test(
    'a browser without room says that a notebook and the journal could not be kept, and goes on',
    async () => {
      context = await startBrowser(site.profile());
      const notebook = await open('exercises/01-stiffness.ipynb');
      const { page } = notebook;
      const sources = await notebook.sources();
      const at = (start: string) => sources.findIndex((source) => source.startsWith(start));
      const check = at("await check('euler-01'");
      await notebook.run(at('import {'));
      await notebook.run(at('function backwardEulerStep'));
      const browser = await context.newCDPSession(page);
      const { origin } = new URL(site.url());
      await browser.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
      // Chromium goes by the room that it found last for half a minute.
      await page.waitForTimeout(31_000);

      await notebook.run(check);
      const said = () => notebook.outputs(check).then(textOf);
      await expect.poll(said).toMatch(/○ euler-01/);
      await expect.poll(said).toMatch(/Your progress could not be saved: /);
      await notebook.write(0, `// ${'x'.repeat(100_000)}`);
      const saving = notebook.save().catch(() => {});
      const told = page.locator('.jp-Dialog', { hasText: /Save Error/ });
      await told.waitFor();
      console.log(await told.innerText());
      await told.getByRole('button').last().click();
      await saving;

      // What could not be kept is still in the page, and is kept once there is room.
      await browser.send('Storage.overrideQuotaForOrigin', { origin });
      expect((await notebook.sources())[0]).toHaveLength(100_003);
      await notebook.save();
      await page.close();
      expect((await (await open('exercises/01-stiffness.ipynb')).sources())[0]).toHaveLength(
        100_003,
      );
    },
    patience,
  );
});
