import type { BrowserContext } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LiteNotebook, startBrowser } from './lite-page';
import { servedSite } from './lite-served';
import { needs } from './needs';
import { textOf } from './output';

/** What a reader asks of a notebook in a page, by its keys and its panels; and what is not there. With `FULL=1`. */

const isReady = needs('full').available && needs('browser').available && needs('lite').available;
const patience = 1_800_000;

const here = 'run this cell in the installed course.';
const ofNode = (name: string): string => `${name} belongs to Node.js, and this is a page: ${here}`;
const native = (name: string): string =>
  `${name} is native code, which a page cannot load: ${here}`;
const notOnSite = (name: string): string =>
  `The package ${name} is not on this site, which has implicit-lab, implicit-lab-course, @tensorflow/tfjs and implicit-kernel: ${here}`;

/** What a page does not have, in each form in which a cell can ask for it. */
const ABSENT: Readonly<Record<string, string>> = {
  "import { readFileSync } from 'node:fs';": ofNode('node:fs'),
  "import * as fs from 'fs';": ofNode('fs'),
  "import fs from 'fs/promises';": ofNode('fs/promises'),
  "import 'node:child_process';": ofNode('node:child_process'),
  "import { Worker } from 'worker_threads';": ofNode('worker_threads'),
  "import fs = require('fs');": ofNode('fs'),
  "import type { Stats } from 'node:fs';": ofNode('node:fs'),
  "export { readFileSync } from 'node:fs';": ofNode('node:fs'),
  "const fs = await import('node:fs');": ofNode('node:fs'),
  "const { spawn } = await import('child_process');": ofNode('child_process'),
  "const name: string = 'node:' + 'fs';\nawait import(name);": ofNode('node:fs'),
  "const fs = require('fs');": ofNode('require'),
  "import koffi from 'koffi';": native('koffi'),
  "await import('koffi');": native('koffi'),
  "const name: string = 'koffi';\nawait import(name);": native('koffi'),
  "import * as tf from '@tensorflow/tfjs-node';": native('@tensorflow/tfjs-node'),
  "await import('@tensorflow/tfjs-node');": native('@tensorflow/tfjs-node'),
  "import _ from 'lodash';": notOnSite('lodash'),
  "const name: string = 'lodash';\nawait import(name);": notOnSite('lodash'),
  'process.exit(1);': ofNode('process.exit'),
  'process.memoryUsage();': ofNode('process.memoryUsage'),
  "Buffer.from('a');": ofNode('Buffer'),
  '__dirname;': ofNode('__dirname'),
};

describe.skipIf(!isReady)('a reader of a page', () => {
  const site = servedSite(patience);
  let context: BrowserContext;
  let notebook: LiteNotebook;

  beforeAll(async () => {
    context = await startBrowser(site.profile());
    notebook = await LiteNotebook.open(context, site.url(), 'exercises/03-implicit-sgd.ipynb');
  }, patience);
  afterAll(() => context?.close(), patience);

  test(
    'is told in one sentence what a page does not have, in whatever form it is asked for',
    async () => {
      const said: Record<string, string | undefined> = {};
      for (const code of Object.keys(ABSENT)) {
        await notebook.write(0, code);
        said[code] = (await notebook.run(0)).at(-1)?.evalue;
      }
      expect(said).toEqual(ABSENT);
    },
    patience,
  );

  test(
    'is told which backends a page does not have',
    async () => {
      const said = await notebook.say(
        0,
        "import { useBackend } from 'implicit-lab';\nawait useBackend('tensorflow')",
      );
      console.log(said);
      expect(said).toMatch(/Error: .*tensorflow.*(?:Node\.js|page)/);
    },
    patience,
  );

  test(
    'sees values, what is cleared, and what is shown instead',
    async () => {
      await notebook.write(0, 'const four = 4;\nfour * 2');
      expect(await notebook.run(0)).toMatchObject([
        { output_type: 'execute_result', data: { 'text/plain': '8' } },
      ]);
      await notebook.write(
        0,
        "import { clearOutput } from 'implicit-kernel';\nconsole.log('before');\nclearOutput();\nconsole.log('after');\nclearOutput(true);\nconsole.log('last');",
      );
      expect(textOf(await notebook.run(0)).trim()).toBe('last');
      await notebook.write(0, "console.log('out');\nconsole.error('err');");
      expect(await notebook.run(0)).toMatchObject([
        { output_type: 'stream', name: 'stdout' },
        { output_type: 'stream', name: 'stderr' },
      ]);
    },
    patience,
  );

  test(
    'sees the digits come by a bar when they are first asked for',
    async () => {
      await notebook.write(
        0,
        "import { mnist } from 'implicit-lab-course';\nmnist().train.labels.length",
      );
      const first = textOf(await notebook.run(0));
      expect(first).toMatch(/the MNIST digits, MB: 11\.\d in [\d.]+ m?s/);
      expect(first).toMatch(/60000$/);
      expect(await notebook.say(0, 'mnist().test.labels.length')).toBe('10000');
    },
    patience,
  );

  test(
    'completes and inspects by keys, and asks for the history, while a cell runs',
    async () => {
      const { page } = notebook;
      await notebook.say(
        0,
        '/** How far a herd walks. */\nfunction distance(hours: number): number { return hours; }',
      );
      await notebook.write(0, 'let rounds = 0;\nfor (;;) rounds++;');
      const run = notebook.run(0);
      await notebook.write(1, '');
      const editor = page.locator('.jp-Notebook .jp-CodeCell .cm-content').nth(1);
      await editor.click();
      await page.keyboard.type('distance');
      await page.keyboard.press('Shift+Tab');
      const tooltip = page.locator('.jp-Tooltip');
      await tooltip.waitFor();
      expect(await tooltip.innerText()).toMatch(
        /distance\(hours: number\): number[\s\S]*How far a herd walks/,
      );
      await page.keyboard.press('Escape');
      await notebook.write(1, '');
      await editor.click();
      await page.keyboard.type('dist');
      // JupyterLab waits a second for an answer, which a machine that does much else may not give in time.
      const completed = async () => {
        await page.keyboard.press('Tab');
        await page.waitForTimeout(1500);
        await notebook.look('completion');
        return editor.innerText();
      };
      await expect.poll(completed).toBe('distance');
      // The one that runs comes into it when it ends.
      expect((await notebook.history(2)).at(-1)).toContain('How far a herd walks');
      await notebook.interrupt();
      expect((await run).at(-1)).toMatchObject({ ename: 'KeyboardInterrupt' });
      expect(await notebook.say(0, 'rounds > 0')).toBe('true');
    },
    patience,
  );

  test(
    'answers a question by its line, and a secret one without its letters',
    async () => {
      const { page } = notebook;
      const line = page.locator('.jp-Stdin-input');
      await notebook.write(
        0,
        "const who = await input('Who? ');\nconst secret = await input('And? ', { password: true });\n[who.length, secret.length]",
      );
      const run = notebook.run(0);
      await line.fill('Gauss');
      await line.press('Enter');
      const secret = page.locator('.jp-Stdin-input[type="password"]');
      await secret.fill('prime');
      await secret.press('Enter');
      const said = textOf(await run);
      expect(said).toContain('[ 5, 5 ]');
      expect(said).not.toContain('prime');
      expect(await notebook.say(0, "prompt('Who?')")).toContain("use await input('…')");
    },
    patience,
  );
});
