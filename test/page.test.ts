import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as tf from '@tensorflow/tfjs';
import * as tensorflow from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as course from '../course';
import * as library from '../lib';
import { buildForBrowser } from '../setup/browser/build.mjs';
import { needs } from './needs';
import { Site, type Visit } from './page/site';
import { hypergradient, solve, step } from './page/tasks';

const browser = needs('browser');
const time = needs('time');
const here = { library, tensorflow };

/** The largest difference, in units of the largest number. */
function apart(a: number[], b: number[]): number {
  expect(a.length).toBe(b.length);
  const scale = Math.max(...b.map(Math.abs));
  return Math.max(...a.map((x, i) => Math.abs(x - b[i]!))) / scale;
}

describe.skipIf(!browser.available || !time.available)('the library in a worker of a page', () => {
  const folder = mkdtempSync(join(tmpdir(), 'implicit-lab-page-'));
  const site = new Site(folder, false);
  const isolated = new Site(folder, true);
  let visit: Visit;

  beforeAll(async () => {
    const weights = await buildForBrowser(folder);
    // What a page loads for its first cell; the parts loaded on demand are not among them.
    expect(weights[0]!.gzip).toBeLessThan(700_000);
    await Promise.all([site.start(), isolated.start()]);
    visit = await site.open();
  });
  afterAll(async () => {
    await Promise.all([site.stop(), isolated.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  test('needs nothing that Node.js has', async () => {
    expect(await visit.ask({ do: 'globals' })).toEqual([]);
  });

  test('solves a system as in Node.js', async () => {
    const there = await visit.ask<number[]>({ do: 'solve' });
    expect(there).toEqual(await solve(here));
    expect(apart(there, [1, 1])).toBeLessThan(1e-9);
  });

  test('takes implicit steps on wasm as in Node.js', async () => {
    const there = await visit.ask<number[]>({ do: 'step', backend: 'wasm' });
    expect(apart(there, await step(here, 'cpu'))).toBeLessThan(1e-5);
    expect(apart(there, await step(here, 'wasm'))).toBeLessThan(1e-5);
  });

  test('finds a hypergradient on wasm as in Node.js', async () => {
    const there = await visit.ask<number[]>({ do: 'hypergradient', backend: 'wasm' });
    expect(apart(there, await hypergradient(here, 'cpu'))).toBeLessThan(1e-4);
  });

  test('reports why wasm was chosen, without threads and without OpenBLAS', async () => {
    const report = await visit.cell<library.BackendReport>("return lab.useBackend('auto')");
    expect(report).toMatchObject({ name: 'wasm', threads: 1 });
    expect(report.why).toMatch(/webgpu: .* is a software driver/);
    expect(report.why).toMatch(/tensorflow: tfjs-node is an addon of Node.js, and this is a page/);
    expect(report.why).toMatch(/without threads: the page is not cross-origin isolated/);
    expect(report.why).toMatch(/without OpenBLAS: a page cannot call libraries of the system/);
  });

  test.for([
    ["lab.useBackend('tensorflow')", /^UnsupportedError: .*tfjs-node is an addon/],
    ["lab.useBackend('wasm', { blas: true })", /^UnsupportedError: .*a page cannot call libraries/],
    ["lab.useBackend('wasm', { threads: 4 })", /^UnsupportedError: .*not cross-origin isolated/],
  ] as const)('refuses %s', async ([code, words]) => {
    await expect(visit.cell(`await ${code}`)).rejects.toThrow();
    await visit
      .cell(`await ${code}`)
      .catch(({ message }) => expect(message.replace(/^Error: /, '')).toMatch(words));
  });

  test('uses threads where the page is isolated', async () => {
    const page = await isolated.open();
    const report = await page.cell<library.BackendReport>(
      "return lab.useBackend('wasm', { threads: 2 })",
    );
    expect(report).toMatchObject({ name: 'wasm', threads: 2 });
    expect(report.why).not.toMatch(/without threads/);
    const there = await page.ask<number[]>({ do: 'step', backend: 'wasm' });
    expect(apart(there, await step(here, 'cpu'))).toBeLessThan(1e-5);
    // What the build was told of while it loaded is forgotten.
    expect(await page.cell("return Object.hasOwn(navigator, 'hardwareConcurrency')")).toBe(false);
  });

  test('shares long loops between threads where the page is isolated', async () => {
    const page = await isolated.open();
    const found = await page.cell<{ hasShared: boolean; areSame: boolean }>(`
      await lab.useBackend('wasm', { threads: 2 });
      const x = tf.randomNormal([1000, 1000]);
      const first = await tf.tanh(x).data();
      const { sub } = Atomics;
      let looks = 0;
      Atomics.sub = (...given) => ++looks && sub(...given);
      const end = performance.now() + 600_000;
      let [hasShared, last] = [false];
      while (!hasShared && performance.now() < end) {
        looks = 0;
        const y = tf.tanh(x);
        // Of sixteen shares this thread has taken fewer; its last look finds none.
        hasShared = looks > 0 && looks < 17;
        last = await y.data();
        y.dispose();
        // A worker starts while its maker waits for something.
        await new Promise((resolve) => setTimeout(resolve));
      }
      Atomics.sub = sub;
      return { hasShared, areSame: first.every((value, i) => value === last[i]) };
    `);
    expect(found).toEqual({ hasShared: true, areSame: true });
  });

  test('computes on webgpu where the browser has it, and refuses to read without waiting', async () => {
    const page = await site.open();
    const report = await page.cell<library.BackendReport>("return lab.useBackend('webgpu')");
    expect(report).toMatchObject({ name: 'webgpu', threads: 0 });
    const there = await page.ask<number[]>({ do: 'step', backend: 'webgpu' });
    expect(apart(there, await step(here, 'cpu'))).toBeLessThan(1e-4);
    const read = 'return [...tf.add(tf.ones([5000]), 1).dataSync()]';
    await expect(page.cell(read)).rejects.toThrow(/UnsupportedError: .*Use `await x.data\(\)`/);
    // The device goes on.
    const mean = 'return [...(await tf.mean(tf.add(tf.ones([5000]), 1)).data())]';
    expect(await page.cell(mean)).toEqual([2]);
    // What is in memory anyway can be read.
    expect(await page.cell('return [...tf.tensor1d([1, 2]).dataSync()]')).toEqual([1, 2]);
  });

  test('shows figures, for the page to draw, and reads the ionosphere data', async () => {
    await visit.shown();
    const count = await visit.cell<number>(`
      await lab.figure(
        [{ x: [0, 1], y: [1, 2], name: 'a' }, { x: [0, 1], y: [2, 1], name: 'b' }],
        { xaxis: { title: 'step' }, yaxis: { title: 'loss' } },
        { words: 'Two lines.', labels: 'ends' },
      );
      return lab.ionosphere().count`);
    expect(count).toBe(351);
    const [drawn, caption] = await visit.shown();
    expect(Object.keys(drawn!.data).sort()).toEqual([
      'application/vnd.plotly.v1+json',
      'text/plain',
    ]);
    expect(caption!.data['text/plain']).toBe('Two lines.');
    // The names are at the ends of the lines, though nothing was laid out.
    const { layout } = drawn!.data['application/vnd.plotly.v1+json'] as unknown as {
      layout: { annotations: { text: string; x: number; y: number }[]; showlegend: boolean };
    };
    expect(layout.annotations.map(({ text, x, y }) => [text, x, y])).toEqual([
      ['a', 1, 2],
      ['b', 1, 1],
    ]);
    expect(layout.showlegend).toBe(false);
  });

  test('gives plotly.js to a live view, and draws when a slider is moved', async () => {
    const [bytes, start, drawings] = await visit.cell<[number, string, number[]]>(`
      const models = [];
      const kernel = (name, value) => { globalThis[Symbol.for('implicit-kernel.' + name)] = value; };
      kernel('attended', () => true);
      kernel('comms', {
        register() {},
        open(_, { state }) {
          const comm = {
            id: String(models.length),
            sent: [],
            send: (data, extras) => comm.sent.push({ data, buffers: extras?.buffers ?? [] }),
            onMessage(listener) { comm.say = (data) => listener({ data }); },
            onClose() {},
          };
          models.push({ ...comm, comm, state });
          return comm;
        },
      });
      const drawings = [];
      await lab.interact({ h: lab.slider({ min: 0, max: 2, label: 'h' }) }, ({ h }) => void drawings.push(h));
      const of = (name) => models.find(({ state }) => state._model_name === name).comm;
      of('FloatSliderModel').say({ method: 'update', state: { value: 1.5 } });
      const live = of('AnyModel');
      live.say({ method: 'custom', content: { wants: 'plotly.js' } });
      const code = () => live.sent.find(({ buffers }) => buffers.length > 0)?.buffers[0];
      while (!code()) await new Promise((resolve) => setTimeout(resolve, 20));
      kernel('attended', undefined);
      return [code().length, new TextDecoder().decode(code().slice(0, 60)), drawings]`);
    const source = readFileSync(createRequire(__filename).resolve('plotly.js-dist-min'));
    expect(bytes).toBe(source.length);
    expect(start).toBe(source.toString('utf8', 0, 60));
    expect(drawings).toEqual([1, 1.5]);
  });

  test('fetches the digits before a cell that names them, with a bar', async () => {
    await visit.shown();
    // An import names them, too; that is not a reason to fetch 11 MB.
    await visit.cell('const { mnist } = lab;');
    expect(await visit.shown()).toEqual([]);
    await expect(visit.cell("return lab['mn' + 'ist']()")).rejects.toThrow(
      /DataError: .*has not loaded the MNIST files/,
    );
    const [count, ink] = await visit.cell<number[]>(
      'const { test } = (0, lab.mnist)(); return [test.count, test.images.reduce((a, b) => a + b, 0)]',
    );
    const { test } = course.mnist();
    expect([count, ink]).toEqual([test.count, test.images.reduce((a, b) => a + b, 0)]);
    const bar = await visit.shown();
    expect(bar[0]!.data['text/html']).toMatch(/<progress/);
    expect(bar.at(-1)!.data['text/plain']).toMatch(/^the MNIST digits, MB: 11\.\d in/);
  });

  test('checks answers, and remembers them when the page is loaded again', async () => {
    const profile = site.newProfile();
    const first = await site.open('exercises', profile);
    const wrong = await first.cell<course.Verdict>("return lab.check('euler-01', () => 1)");
    expect(wrong.passed).toBe(false);
    const right = await first.cell<course.Verdict>("return lab.check('04-a', 4)");
    expect(right).toMatchObject({ status: 'right' });
    await first.cell("await lab.hint('euler-01')");
    await first.cell("await lab.hint('euler-01')");
    const other = await site.open('solutions', profile);
    await other.shown();
    const third = await other.cell<course.Hint>("return lab.hint('euler-01')");
    expect(third.number).toBe(3);
    await other.cell('await lab.progressMap()');
    const [, map] = await other.shown();
    const lines = map!.data['text/plain']!.split('\n');
    expect(lines.find((line) => line.startsWith('04 '))).toMatch(/✓ 04-a/);
    // The order of the course, by the names of its notebooks.
    expect(
      lines.filter((line) => /^\d\d/.test(line)).map((line) => line.slice(0, 3).trim()),
    ).toEqual(
      readdirSync(new URL('../notebooks', import.meta.url))
        .map((name) => /^(\d\d\w?)-.*\.ipynb$/.exec(name)?.[1])
        .filter((lesson) => lesson !== undefined)
        .sort(),
    );
    // A tab that was open all the time learns of it.
    expect(await first.cell<course.Hint>("return lab.hint('euler-01')")).toMatchObject({
      number: 1,
    });
    // In solutions a check is a look, and does not count as done.
    const solved = await other.cell<course.Verdict>("return lab.check('fixed-01', () => 1)");
    expect(solved.exercise).toBe('fixed-01');
  });

  test('says where the browser does not keep the journal, and remembers while it is open', async () => {
    const page = await site.open('exercises', site.newProfile(), true);
    const verdict = await page.cell<course.Verdict>("return lab.check('04-a', 4)");
    expect(verdict.status).toBe('right');
    expect(verdict.remarks).toEqual([
      expect.stringMatching(/Your progress could not be saved.*this browser keeps nothing/),
    ]);
    await page.shown();
    await page.cell('await lab.progressMap()');
    const [map] = await page.shown();
    expect(map!.data['text/plain']).toMatch(/✓ 04-a/);
  });

  test('hears what TensorFlow.js says without the repairs', async () => {
    const expression = `(() => {
      const slope = tf.grad((y) => tf.sum(tf.mul(y, tf.exp(y))));
      return [...tf.grad((x) => tf.sum(slope(x)))(tf.ones([2])).dataSync()];
    })()`;
    const there = await visit.cell<number[]>(`return lab.withStockTensorFlow(\`${expression}\`)`);
    expect(there).toEqual(await course.withStockTensorFlow(expression));
    // With the repairs it is (2 + x) exp x, as it should be.
    const slope = (x: tf.Tensor) =>
      tensorflow.grad((y) => tensorflow.sum(tensorflow.mul(y, tensorflow.exp(y))))(x);
    const repaired = tensorflow.grad((x) => tensorflow.sum(slope(x)))(tensorflow.ones([2]));
    expect(apart([...repaired.dataSync()], [3 * Math.E, 3 * Math.E])).toBeLessThan(1e-5);
    expect(apart(there, [3 * Math.E, 3 * Math.E])).toBeGreaterThan(0.1);
    await expect(visit.cell("return lab.withStockTensorFlow('tf.nothing()')")).rejects.toThrow(
      /tf.nothing is not a function/,
    );
  });

  test('asks no host but its own', () => {
    for (const hosts of [site.hosts, isolated.hosts]) expect([...hosts]).toEqual(['127.0.0.1']);
  });
});
