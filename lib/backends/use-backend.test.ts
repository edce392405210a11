import { execFileSync } from 'node:child_process';
import path from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { InputError, UnsupportedError } from '../errors';
import { useBackend } from '.';

afterEach(() => vi.unstubAllEnvs());

const product = async () => {
  const a = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  const b = tf.matMul(a, a);
  const values = Array.from(await b.data());
  tf.dispose([a, b]);
  return values;
};

describe('useBackend', () => {
  test('cpu computes, and its report says who asked', async () => {
    const report = await useBackend('cpu');
    expect(report).toMatchObject({ name: 'cpu', threads: 1, passedOver: [] });
    expect(report.device).not.toBe('');
    expect(await product()).toEqual([7, 10, 15, 22]);
  });

  test('wasm computes with the number of threads asked for, and changes it while empty', async () => {
    for (const threads of [1, 3, 2]) {
      expect(await useBackend('wasm', { threads, blas: false })).toMatchObject({
        name: 'wasm',
        threads,
      });
      expect(await product()).toEqual([7, 10, 15, 22]);
    }
  });

  test('calls at once are answered one after the other; the last one decides', async () => {
    await useBackend('cpu');
    const wasm = (threads: number) => useBackend('wasm', { threads, blas: false });
    const reports = await Promise.all([wasm(1), wasm(2), useBackend('cpu'), wasm(1), wasm(1)]);
    expect(reports.map(({ name, threads }) => [name, threads])).toEqual([
      ['wasm', 1],
      ['wasm', 2],
      ['cpu', 1],
      ['wasm', 1],
      ['wasm', 1],
    ]);
    expect(tf.getBackend()).toBe('wasm');
    expect(await product()).toEqual([7, 10, 15, 22]);
    const failing = [useBackend('webgl' as 'wasm'), useBackend('cpu')];
    await expect(failing[0]).rejects.toThrow(InputError);
    expect((await failing[1]!).name).toBe('cpu');
  });

  test('wasm refuses to change its threads under living tensors, which survive', async () => {
    await useBackend('wasm', { threads: 2, blas: false });
    const a = tf.tensor1d([1, 2]);
    await expect(useBackend('wasm', { threads: 1, blas: false })).rejects.toThrow(UnsupportedError);
    expect(Array.from(await tf.neg(a).data())).toEqual([-1, -2]);
    a.dispose();
  });

  test('loading threads leaves no trace in a process, which then ends by itself', () => {
    const script = `{
      const os = require('node:os');
      const workers = require('node:worker_threads');
      const listeners = () => ['unhandledRejection', 'uncaughtException'].map((event) => process.listeners(event));
      const state = () => [os.cpus, workers.Worker, globalThis.Worker, ...listeners().flat()];
      process.on('unhandledRejection', () => {});
      const before = state();
      const { useBackend } = require(${JSON.stringify(path.join(__dirname, 'index.ts'))});
      const same = ({ threads }) => console.log(threads, state().every((x, i) => x === before[i]), state().length === before.length);
      useBackend('wasm', { threads: 3, blas: false }).then(same).then(() => useBackend('wasm', { threads: 2, blas: false })).then(same);
    }`;
    const out = execFileSync(process.execPath, ['--require', 'tsx/cjs', '-e', script], {
      encoding: 'utf8',
    });
    expect(out.trim().split('\n')).toEqual(['3 true true', '2 true true']);
  });

  test('IMPLICIT_BACKEND decides where nothing was named', async () => {
    vi.stubEnv('IMPLICIT_BACKEND', 'cpu');
    expect(await useBackend()).toMatchObject({ name: 'cpu', why: 'IMPLICIT_BACKEND asks for it' });
    vi.stubEnv('IMPLICIT_BACKEND', 'quantum');
    await expect(useBackend()).rejects.toThrow(InputError);
  });

  test('a wrong name or number of threads is refused', async () => {
    await expect(useBackend('webgl' as 'cpu')).rejects.toThrow(/'webgl'/);
    for (const threads of [0, 9, 1.5, Number.NaN]) {
      await expect(useBackend('wasm', { threads })).rejects.toThrow(InputError);
    }
    await expect(useBackend('cpu', { blas: 'no' as never })).rejects.toThrow(InputError);
  });

  test('a backend that fails leaves the one before in place', async () => {
    await useBackend('cpu');
    const removed = tf.engine().findBackendFactory('wasm');
    tf.removeBackend('wasm');
    tf.registerBackend('wasm', () => Promise.reject(new Error('no WebAssembly today')));
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    await expect(useBackend('wasm')).rejects.toThrow(UnsupportedError);
    vi.restoreAllMocks();
    expect(tf.getBackend()).toBe('cpu');
    expect(await product()).toEqual([7, 10, 15, 22]);
    tf.removeBackend('wasm');
    tf.registerBackend('wasm', removed);
  });
});
