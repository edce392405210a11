import { runInThisContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { engine } from '../../engine';
import { useBackend } from '../../use-backend';
import { instantiated } from '../assembler';
import { apply, type Expression } from '../fused/expression';
import type { Into, Pattern } from '../fused/loop';
import { loopBody } from '../fused/loop-code';
import { sharedLoopOn } from '../fused/shared-loops';
import { type Heap, memoryOf } from '../kernels/heap';
import { LEAST_WORK } from './limits';
import { type Job, Pool } from './pool';
import { Trial } from './trial';

const input = (index: number): Expression => ({ kind: 'input', index });
const rounds = (done: () => boolean) => vi.waitUntil(done, { timeout: 600_000, interval: 5 });

describe('a pool', () => {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
  const [from, alone, together] = [1024, 1_001_024, 2_001_024];
  const most = 200_000;
  const expression = apply('tanh', input(0));
  const body = loopBody('tanh', { expression, patterns: ['place'], into: 'places' });
  const run = instantiated(memory, [body], []).tanh!;
  const job = (count: number, runs = run): Job => ({
    run: runs as Job['run'],
    count,
    work: LEAST_WORK,
    unit: 16,
    arguments: [
      [together, 4, 0],
      [1, 0, 0],
      [0, 0, 4],
      [from, 4, 0],
    ],
  });
  const at = (address: number) => new Int32Array(memory.buffer, address, most);
  const pools: Pool[] = [];
  const started = async (threads: number) => {
    const pool = new Pool(memory, threads);
    pools.push(pool);
    await rounds(() => pool.isReady);
    return pool;
  };

  beforeAll(() => {
    const values = new Float32Array(memory.buffer, from, most);
    for (let i = 0; i < most; i++) values[i] = 6 * Math.sin(i * i);
    run(alone, 1, 4 * most, from);
  });
  afterEach(() => {
    for (const pool of pools.splice(0)) pool.end();
    at(together).fill(0);
  });

  it.each([2, 5])('of %i threads writes the same bits as one thread', async (threads) => {
    const pool = await started(threads);
    for (const count of [1, 15, 16, 17, 127, 128, 129, 4099, most]) {
      at(together).fill(-1);
      pool.run(job(count));
      expect(Buffer.compare(bytes(together, 0, count), bytes(alone, 0, count))).toBe(0);
      expect(
        at(together)
          .subarray(count)
          .every((x) => x === -1),
      ).toBe(true);
    }
  });

  const bytes = (address: number, first: number, end: number) =>
    Buffer.from(memory.buffer, address + 4 * first, 4 * (end - first));

  it('computes on its workers', async () => {
    const pool = await started(3);
    const shares = vi.spyOn(Atomics, 'sub');
    try {
      await rounds(() => {
        shares.mockClear();
        pool.run(job(most));
        // This thread's own shares, and the look that finds none.
        return shares.mock.calls.length < 3 * 8 + 1;
      });
    } finally {
      shares.mockRestore();
    }
  });

  it('does without workers that have ended', async () => {
    const pool = await started(2);
    pool.run(job(most));
    pool.end();
    at(together).fill(0);
    pool.run(job(most));
    expect(Buffer.compare(bytes(together, 0, most), bytes(alone, 0, most))).toBe(0);
  });

  it('hands an error of a worker on, and counts as broken', async () => {
    const pool = await started(2);
    const outside = { ...job(most), arguments: [[2 ** 26, 0, 0], ...job(most).arguments.slice(1)] };
    await rounds(() => {
      try {
        pool.run(outside as Job);
      } catch {
        // This thread's own share fails, or that of the other.
      }
      return pool.isBroken;
    });
  });
});

it('a trial takes the faster way, and the other now and then', () => {
  const trial = new Trial();
  const taken: string[] = [];
  let times = { alone: 2, together: 1 };
  const calls = (count: number) => {
    taken.length = 0;
    for (let i = 0; i < count; i++) {
      const way = trial.choose();
      taken.push(way);
      trial.took(way, times[way]);
    }
    return taken.filter((way) => way === 'together').length / count;
  };
  calls(20);
  expect(calls(100)).toBeGreaterThan(0.9);
  times = { alone: 2, together: 8 };
  calls(20);
  const share = calls(200);
  expect(share).toBeLessThan(0.1);
  expect(share).toBeGreaterThan(0);
});

describe('on the backend, all threads give the bits of one', () => {
  const heap = () => engine().registry.wasm as tf.KernelBackend as Heap;
  beforeAll(async () => {
    await useBackend('wasm', { threads: 2 });
    vi.spyOn(Trial.prototype, 'choose').mockReturnValue('together');
    vi.spyOn(Pool.prototype, 'isReady', 'get').mockReturnValue(true);
    // Threads are started after loops that took some time.
    const shared = vi.spyOn(Pool.prototype, 'run');
    const long = tf.randomNormal([1000, 1000]);
    while (shared.mock.calls.length === 0) tf.tanh(long).dispose();
    long.dispose();
    shared.mockRestore();
  });
  afterAll(async () => {
    vi.restoreAllMocks();
    await useBackend('cpu');
  });

  /** What a function makes on one thread and on two, and how many jobs were shared. */
  async function both(make: () => tf.Tensor): Promise<{ one: Buffer; two: Buffer; jobs: number }> {
    const shared = vi.spyOn(Pool.prototype, 'run');
    const made = async () => {
      const x = tf.tidy(make);
      const values = await x.data();
      x.dispose();
      return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
    };
    await useBackend('wasm', { threads: 1 });
    const one = await made();
    await useBackend('wasm', { threads: 2 });
    const two = await made();
    const jobs = shared.mock.calls.length;
    shared.mockRestore();
    return { one, two, jobs };
  }

  const x = (rows: number, seed = 1) => tf.randomNormal([rows, 256], 0, 2, 'float32', seed);
  const rows = LEAST_WORK / 256;
  it.each<[string, (rows: number) => tf.Tensor, number, number]>([
    ['tanh', (n) => tf.tanh(x(n)), Math.floor(rows / 6), Math.ceil(rows / 6)],
    ['relu', (n) => tf.relu(x(n)), rows - 1, rows],
    ['add', (n) => tf.add(x(n), x(n, 2)), rows - 1, rows + 3],
    ['sub', (n) => tf.sub(x(n), x(n, 2)), rows - 1, rows + 3],
    ['mul', (n) => tf.mul(x(n), x(n, 2)), rows - 1, rows + 3],
    ['a bias', (n) => tf.add(x(n), x(1, 2)), rows - 1, rows + 3],
    [
      'axpy',
      (n) => tf.engine().runKernel('VectorAxpy', { a: tf.scalar(0.3), x: x(n), y: x(n, 2) }),
      rows - 1,
      rows + 3,
    ],
  ])('%s, from a size on', async (_, make, small, large) => {
    const below = await both(() => make(small));
    expect(below.jobs).toBe(0);
    expect(Buffer.compare(below.one, below.two)).toBe(0);
    const above = await both(() => make(large));
    expect(above.jobs).toBe(1);
    expect(Buffer.compare(above.one, above.two)).toBe(0);
  });

  const expression = apply(
    'multiply',
    apply('tanh', apply('add', input(0), input(1))),
    apply('add', input(2), input(3)),
  );
  const patterns: Pattern[] = ['place', 'column', 'row', 'all'];
  const least = Math.ceil(LEAST_WORK / 7);
  it.each<[Into, number, number, boolean]>([
    ['places', 1, least, true],
    ['places', 1, least + 1, true],
    ['places', 129, Math.ceil(least / 129), true],
    ['places', 127, Math.ceil(least / 127), false],
    ['row sums', 1001, Math.ceil(least / 1001), true],
    ['row maxima', 1003, Math.ceil(least / 1003), true],
    ['column sums', 1003, Math.ceil(least / 1003), false],
    ['sum', 1003, Math.ceil(least / 1003), false],
  ])('%s of a loop over %i rows of %i: shared is %s', async (into, rows, columns, isShared) => {
    const inputs = [x(Math.ceil((rows * columns) / 256)), x(Math.ceil(columns / 256), 2)];
    inputs.push(x(Math.ceil(rows / 256), 3), x(1, 4));
    const found = await both(() => {
      const out = tf.zeros([rows * columns]).add(1);
      const run = sharedLoopOn(heap(), { expression, patterns, into }, rows, columns);
      const address = (of: tf.Tensor) => heap().typedArrayFromHeap(of).byteOffset;
      run(address(out), rows, 4 * columns, ...inputs.map(address));
      return out;
    });
    tf.dispose(inputs);
    expect(found.jobs).toBe(isShared ? 1 : 0);
    expect(Buffer.compare(found.one, found.two)).toBe(0);
    expect(memoryOf(heap()).buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('work goes on after an interrupt in the midst of a job', async () => {
    const numbers = x(4 * rows);
    const tanh = () => {
      const out = tf.tanh(numbers);
      const values = out.dataSync() as Float32Array;
      out.dispose();
      return Buffer.from(values.buffer);
    };
    const expected = tanh();
    Object.assign(globalThis, { interrupted: () => tf.tanh(numbers).dispose() });
    for (let milliseconds = 5; milliseconds < 15; milliseconds++) {
      const endless = () => runInThisContext('for (;;) interrupted()', { timeout: milliseconds });
      expect(endless).toThrow(/timed out/);
      expect(Buffer.compare(tanh(), expected)).toBe(0);
    }
    numbers.dispose();
  });

  it('a loop that reads what another share writes stays on one thread', async () => {
    const sum = apply('add', input(0), input(1));
    const count = 4 * LEAST_WORK;
    const found = await both(() => {
      const all = tf.randomNormal([count + 64], 0, 1, 'float32', 1);
      const run = sharedLoopOn(
        heap(),
        { expression: sum, patterns: ['place', 'all'], into: 'places' },
        1,
        count,
      );
      const { byteOffset } = heap().typedArrayFromHeap(all);
      run(byteOffset + 64, 1, 4 * count, byteOffset, byteOffset);
      return all;
    });
    expect(found.jobs).toBe(0);
    expect(Buffer.compare(found.one, found.two)).toBe(0);
  });
});
