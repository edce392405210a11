import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { serve } from '../setup/lite/serve.mjs';
import { BEATS_CELL } from './lite-beats';
import { ENDLESS } from './lite-forms';
import { LiteNotebook, NO_FRAME_APART, SOFTWARE_GPU, startBrowser } from './lite-page';
import { findSite, prefix } from './lite-site';
import { needs } from './needs';
import { textOf } from './output';

/**
 * What is rarer in a page: sliders, a narrow window, a restart, questions, a page that shares memory, what no interrupt
 * reaches, webgpu. With `FULL=1`.
 */

const isReady = needs('full').available && needs('browser').available && needs('lite').available;
const patience = 1_800_000;

/** A figure by a slider, and what drawing it takes. */
const FOLLOWING = `import { figure, interact, slider } from 'implicit-lab-course';
const drawings: number[] = [];
const x = Array.from({ length: 400 }, (_, i) => i / 40);
await interact({ n: slider({ min: 0, max: 40, step: 1, value: 0, label: 'n' }) }, async ({ n }) => {
  const begin = performance.now();
  const layout = { xaxis: { title: 'time (s)' }, yaxis: { title: 'height (m)' } };
  await figure([{ x, y: x.map((v) => Math.sin(v + n / 10)) }], layout, { words: 'A wave, at ' + n + '.' });
  drawings.push(performance.now() - begin);
});`;
/** A figure that is wider than a narrow window. */
const WIDE = `import { figure } from 'implicit-lab-course';
const layout = { width: 900, xaxis: { title: 'time (s)' }, yaxis: { title: 'height (m)' } };
await figure([{ x: [0, 1], y: [1, 2] }], layout, { words: 'A line.' });`;
const MOVES = 20;
const median = (all: readonly number[]): number => [...all].sort((a, b) => a - b)[all.length >> 1]!;

/** What fills the engine's heap. The values are large, so that it takes seconds. */
const FILLING = {
  objects:
    'const all: object[] = [];\nfor (;;) all.push({ list: new Array(1e5).fill(all.length + 0.5) });',
  texts:
    'const all: string[] = [];\nfor (;;) all.push(JSON.stringify(new Array(1e5).fill(all.length + 0.5)));',
  'a result under way':
    'Array.from({ length: 1e9 }, (_, i) => Array.from({ length: 1e4 }, (_, j) => i / (j + 1)));',
};

const ON_WEBGPU = `import { useBackend } from 'implicit-lab';
import * as tf from '@tensorflow/tfjs';
const kept = 1;
await useBackend('webgpu')`;

/** What a browser does that has no room for a buffer, and goes on. */
const WITHOUT_GPU_MEMORY = `const { device } = tf.backend() as unknown as { device: EventTarget };
const { GPUOutOfMemoryError, GPUUncapturedErrorEvent } = globalThis as unknown as {
  GPUOutOfMemoryError: new (message: string) => object;
  GPUUncapturedErrorEvent: new (name: string, options: { error: object }) => Event;
};
device.dispatchEvent(
  new GPUUncapturedErrorEvent('uncapturederror', { error: new GPUOutOfMemoryError('full') }),
);
await tf.ones([9]).sum().data()`;

describe.skipIf(!isReady)('a page of the course, at its edges', () => {
  const folder = mkdtempSync(join(tmpdir(), 'implicit-lite-'));
  let site: string;
  let server: Awaited<ReturnType<typeof serve>> | undefined;
  let context: BrowserContext | undefined;

  beforeAll(async () => {
    site = await findSite(folder);
  }, patience);
  afterEach(async () => {
    await context?.close();
    server?.close();
  }, patience);
  afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

  async function open(options: { isolated?: boolean; args?: readonly string[] } = {}) {
    server = await serve(site, { prefix, isolated: options.isolated === true });
    context = await startBrowser(mkdtempSync(join(folder, 'profile-')), options.args);
    return LiteNotebook.open(context, server.url, 'exercises/03-implicit-sgd.ipynb');
  }

  test(
    'a slider that is moved draws again; one whose drawing does not end is interrupted and goes on',
    async () => {
      const notebook = await open();
      const { page } = notebook;
      await notebook.say(
        0,
        "import { interact, slider } from 'implicit-lab-course';\nlet count = 0;\nawait interact({ n: slider({ min: 0, max: 9, step: 1, value: 0, label: 'n' }) }, ({ n }) => {\n  if (n === 2) for (;;) count++;\n  console.log('n is ' + n);\n});",
      );
      const slider = page.locator('.widget-slider [role="slider"]').first();
      await slider.focus();
      const start = Date.now();
      await slider.press('ArrowRight');
      await page.getByText('n is 1').waitFor();
      console.log(`slider: ${Date.now() - start} ms`);
      await slider.press('ArrowRight');
      // One that comes before the drawing has begun does nothing.
      await expect
        .poll(async () => {
          await page.waitForTimeout(1500);
          await notebook.interrupt();
          await page.waitForTimeout(1500);
          return page.getByText(/KeyboardInterrupt/).count();
        })
        .toBeGreaterThan(0);
      await slider.focus();
      await slider.press('ArrowRight');
      await page.getByText('n is 3').waitFor();
      expect(await notebook.say(0, 'count > 0')).toBe('true');
    },
    patience,
  );

  test(
    'a figure follows each move of a slider, in a time that is printed',
    async () => {
      const notebook = await open();
      const { page } = notebook;
      await notebook.say(0, FOLLOWING);
      const figure = page.locator('.implicit-lab-live .js-plotly-plot');
      await figure.waitFor({ timeout: patience });
      // From the time that the browser gives the key to the figure that was drawn for it.
      await figure.evaluate((element) => {
        const drawn = element as HTMLElement & { on(name: string, hear: () => void): void };
        const page = globalThis as { moves?: number[] };
        page.moves = [];
        let pressed: number | undefined;
        const note = ({ timeStamp }: Event) => {
          pressed = timeStamp;
        };
        addEventListener('keydown', note, true);
        drawn.on('plotly_afterplot', () => {
          if (pressed !== undefined) page.moves!.push(performance.now() - pressed);
          pressed = undefined;
        });
      });
      const slider = page.locator('.widget-slider [role="slider"]').first();
      await slider.focus();
      for (let move = 1; move <= MOVES; move++) {
        await slider.press('ArrowRight');
        await page.waitForFunction(
          (move) => (globalThis as { moves?: number[] }).moves!.length >= move,
          move,
        );
      }
      const moves = await page.evaluate(() => (globalThis as { moves?: number[] }).moves!);
      const computed = JSON.parse((await notebook.say(0, 'JSON.stringify(drawings)')).slice(1, -1));
      expect(computed).toHaveLength(MOVES + 1);
      const [answer, own] = [moves, computed].map((all) => median(all).toFixed(1));
      console.log(
        `slider: ${answer} ms from the key to the figure, of which the drawing took ${own}`,
      );
    },
    patience,
  );

  test(
    'a narrow window leaves a notebook its room, and shows the whole of a figure that is wider',
    async () => {
      const notebook = await open();
      const { page } = notebook;
      await page.setViewportSize({ width: 800, height: 900 });
      await expect.poll(() => page.locator('#jp-left-stack').isVisible()).toBe(false);
      await notebook.say(0, WIDE);
      const figure = page.locator('.jp-RenderedPlotly', { has: page.locator('.main-svg') });
      await figure.waitFor({ timeout: patience });
      const rightEnd = async () => {
        const { x, width } = (await figure.boundingBox())!;
        return x + width;
      };
      await expect.poll(rightEnd).toBeLessThan(800);
      expect(await figure.evaluate((element) => (element as HTMLElement).offsetWidth)).toBe(900);
    },
    patience,
  );

  test(
    'a restart forgets, a question is answered',
    async () => {
      const notebook = await open();
      await notebook.say(0, 'const kept = 1;');
      await notebook.restart();
      expect(await notebook.say(0, 'kept')).toContain("Cannot find name 'kept'");
      await notebook.write(0, "const name = await input('Who?');\nname.length");
      const run = notebook.run(0);
      const line = notebook.page.locator('.jp-Stdin-input');
      await line.fill('Gauss');
      await line.press('Enter');
      expect(textOf(await run)).toMatch(/5$/);
    },
    patience,
  );

  test(
    'notebooks that are opened again from the workspace run each in its own kernel, and are checked',
    async () => {
      const first = await open();
      const { page } = first;
      const notebooks = [first];
      for (const name of ['01-stiffness', '02-implicit-gradient-descent']) {
        const notebook = first.as(`exercises/${name}.ipynb`);
        await notebook.show();
        notebooks.push(notebook);
      }
      // The workspace is kept a while after it has changed.
      await page.waitForTimeout(3000);
      await page.reload();
      const [third, exercise, second] = notebooks;
      for (const notebook of [exercise!, second!, third!]) await notebook.show();
      await third!.say(0, 'const mine = 3;');
      await second!.say(0, 'const mine = 2;');
      const sources = await exercise!.sources();
      const at = (start: string) => sources.findIndex((source) => source.startsWith(start));
      for (const start of ['import {', 'function backwardEulerStep', "await check('euler-01'"]) {
        await exercise!.run(at(start));
      }
      const verdict = () => exercise!.outputs(at("await check('euler-01'")).then(textOf);
      expect(await verdict()).toMatch(/^○ euler-01/);
      expect(await third!.say(0, 'mine')).toBe('3');
      expect(await second!.say(0, 'mine')).toBe('2');
    },
    patience,
  );

  test(
    'an isolated page shares memory: wasm has threads, interrupts are heard',
    async () => {
      const notebook = await open({ isolated: true });
      expect(await notebook.page.evaluate(() => crossOriginIsolated)).toBe(true);
      const chosen = await notebook.say(
        0,
        "import { useBackend } from 'implicit-lab';\nimport * as tf from '@tensorflow/tfjs';\nawait useBackend('wasm', { threads: 2 })",
      );
      expect(chosen).toMatch(/2 threads/);
      expect(
        await notebook.say(0, 'tf.matMul(tf.ones([90, 90]), tf.ones([90, 90])).sum()'),
      ).toMatch(/729,000/);
      const { evalue } = await notebook.giveUp(0, 'let count = 0;\nfor (;;) count++;');
      expect(evalue).toBe('the cell was interrupted');
      expect(await notebook.say(0, 'count > 0')).toBe('true');
    },
    patience,
  );

  test.for([
    ['by shared memory', [], true],
    ['by asking the page', NO_FRAME_APART, false],
  ] as const)(
    'every form of a cell without end is interrupted %s, and variables stay',
    { timeout: 2 * patience },
    async ([, args, isShared]) => {
      const notebook = await open({ args });
      expect(await notebook.say(0, 'crossOriginIsolated')).toBe(String(isShared));
      // What the library takes to load is not the interrupt's.
      await notebook.say(0, "import 'implicit-lab';");
      const times: number[] = [];
      for (const { name, code } of ENDLESS) {
        const { evalue, after } = await notebook.giveUp(0, code);
        expect(evalue, name).toBe('the cell was interrupted');
        expect(await notebook.say(0, 'count > 0'), name).toBe('true');
        times.push(after);
      }
      const [middle, most] = [median(times), Math.max(...times)];
      console.log(`interrupts: ${times.length}, median ${middle} ms, at most ${most} ms`);
    },
  );

  test(
    'one long call is ended with its worker, and that is said',
    async () => {
      const notebook = await open();
      // Years, in one call of the engine.
      const searching = "/^(a+)+$/.test('a'.repeat(60) + 'b')";
      await notebook.say(0, 'const before = 1;');
      expect(await notebook.giveUp(0, searching)).toMatchObject({
        ename: 'KeyboardInterrupt',
        evalue: expect.stringContaining('variables are lost'),
      });
      expect(await notebook.say(0, '1 + 1')).toBe('2');
    },
    patience,
  );

  test(
    'webgpu works in the worker of the cells',
    async () => {
      const notebook = await open({ args: SOFTWARE_GPU });
      const chosen = await notebook.say(
        0,
        "import { useBackend } from 'implicit-lab';\nimport * as tf from '@tensorflow/tfjs';\nawait useBackend('webgpu')",
      );
      expect(chosen).toMatch(/^webgpu on /);
      expect(
        await notebook.say(0, 'await tf.matMul(tf.ones([9, 9]), tf.ones([9, 9])).sum().data()'),
      ).toMatch(/729/);
      const ended = await notebook.say(
        0,
        'const kept = 1;\nconst x = tf.square(tf.ones([9, 9]));\n(tf.backend() as unknown as { device: { destroy(): void } }).device.destroy();\nawait x.sum().data()',
      );
      expect(ended).toMatch(/^DeviceLostError: .*lost/);
      expect(
        await notebook.say(
          0,
          "await useBackend('webgpu');\nkept + (await tf.square(tf.ones([9, 9])).sum().data())[0]",
        ),
      ).toBe('82');
    },
    patience,
  );

  test(
    'no memory left for tensors, arrays of numbers and texts ends the cell, and variables stay',
    async () => {
      const notebook = await open();
      await notebook.say(
        0,
        "import { useBackend } from 'implicit-lab';\nimport * as tf from '@tensorflow/tfjs';\nconst kept = 1;\nawait useBackend('wasm')",
      );
      const endless = {
        tensors: 'const all: tf.Tensor[] = [];\nfor (;;) all.push(tf.ones([2 ** 25]));',
        'one array': 'new Float64Array(2 ** 40)',
        arrays:
          'const arrays: Float64Array[] = [];\nfor (;;) arrays.push(new Float64Array(2 ** 27));',
        text: "let text = 'x';\nfor (;;) text += text;",
        list: 'const list: number[] = [];\nfor (;;) list.push(...new Array<number>(50_000).fill(0.5));',
      };
      for (const [name, code] of Object.entries(endless)) {
        const ended = await notebook.say(0, code);
        console.log(name, ended.slice(0, 300));
        expect(ended, name).toMatch(/^\w*Error: /);
        expect(await notebook.say(0, 'kept'), name).toBe('1');
      }
      // The backend has its memory back once the tensors are gone.
      expect(await notebook.say(0, 'tf.dispose(all);\n(await tf.ones([9]).sum().data())[0]')).toBe(
        '9',
      );
    },
    patience,
  );

  // The software adapter has the machine's own memory, which no test may fill: a GPU's end is reported by hand.
  test(
    'no memory left on webgpu ends the cell, and variables stay',
    async () => {
      const notebook = await open({ args: SOFTWARE_GPU });
      await notebook.say(0, ON_WEBGPU);
      expect(await notebook.say(0, 'tf.add(tf.ones([2 ** 15, 1]), tf.ones([1, 2 ** 15]))')).toMatch(
        /^MemoryError: .*bytes at most, as this GPU has in one buffer/s,
      );
      expect(await notebook.say(0, '(await tf.ones([9]).sum().data())[0] + kept')).toBe('10');
      expect(await notebook.say(0, WITHOUT_GPU_MEMORY)).toMatch(
        /^DeviceLostError: .*it has no memory left/s,
      );
      expect(
        await notebook.say(
          0,
          "await useBackend('webgpu');\n(await tf.ones([9]).sum().data())[0] + kept",
        ),
      ).toBe('10');
    },
    patience,
  );

  test.for(Object.entries(FILLING))(
    'a heap that is full of %s ends the cell, and not the page',
    { timeout: patience },
    async ([, code]) => {
      const notebook = await open();
      const inPage = await notebook.outlivingFrames();
      await notebook.say(0, 'const before = 1;');
      await notebook.write(0, code);
      expect(await inPage.run(0)).toMatch(/^OutOfMemory: .*variables are lost/);
      await inPage.write(0, '1 + 1');
      expect(await inPage.run(0)).toBe('2');
    },
  );

  test(
    'beats leave results as they are, at a cost that is printed',
    async () => {
      // Where memory is shared there is nothing to wait for.
      const notebook = await open({ isolated: true });
      const said = await notebook.say(0, BEATS_CELL);
      const ratios = JSON.parse(said.replace(/^'|'$/g, '')) as Record<string, [number, number]>;
      for (const [name, [beating, plain]] of Object.entries(ratios)) {
        const [ms, ratio] = [plain.toFixed(1), (beating / plain).toFixed(2)];
        console.log(`beats: ${name}: ${ms} ms without, × ${ratio} with`);
      }
      expect(Object.keys(ratios)).toHaveLength(7);
    },
    patience,
  );
});
