import * as tf from '@tensorflow/tfjs';
import { blasObstacle } from '#platform/blas';
import { keepingListeners } from '#platform/listeners';
import { processorName } from '#platform/machine';
import { withSharedMemory } from '#platform/sharing';
import { defaultThreads, threadsObstacle, wasmFolder, withThreads } from '#platform/threads';
import { UnsupportedError } from '../../errors';
import { engine } from '../engine';
import { refuseMissing } from '../optional';
import { switchBlas } from './blas';
import { repairKernels } from './kernels';
import type { Heap } from './kernels/heap';
import { guardMemory } from './memory';
import { refuseRemoved } from './removed';
import { endThreads, shareAmong } from './threads/pool';

export { mostThreads } from '#platform/threads';

/** The wasm backend as it runs: the processor, its threads, and what did not go as asked. */
export interface WasmReport {
  device: string;
  threads: number;
  /** The library of the system that multiplies matrices, where one does. */
  blas?: string;
  remarks: string[];
}

const running = () => engine().registry.wasm;

// A literal name: bundlers look for it. The error handler shows them that it may be missing.
const load = () =>
  import('@tensorflow/tfjs-backend-wasm').catch(refuseMissing('@tensorflow/tfjs-backend-wasm'));

/** Starts the backend with the given number of threads; false where TensorFlow.js could not. */
async function start(threads: number): Promise<boolean> {
  const wasm = await load();
  const folder = wasmFolder();
  if (folder !== undefined) wasm.setWasmPaths(folder);
  repairKernels();
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', threads > 1);
  wasm.setThreadsCount(threads);
  const choose = () => tf.setBackend('wasm');
  const started = await keepingListeners(() =>
    threads > 1 ? withThreads(threads, choose) : startAlone(choose),
  );
  if (started) {
    guardMemory();
    endCleanly();
  }
  return started;
}

/** Lets the threads that share loops with the backend end with it, and its tensors say that they are gone. */
function endCleanly(): void {
  const heap = running() as tf.KernelBackend as Heap;
  const { dispose } = heap;
  heap.dispose = () => {
    endThreads(heap);
    dispose.call(heap);
    refuseRemoved(heap);
  };
}

/** Starts the build for one thread: with memory that others can read and write where there may be any. */
const startAlone = (choose: () => Promise<boolean>): Promise<boolean> =>
  threadsObstacle() === undefined ? withSharedMemory(choose) : choose();

/** Takes a running backend away, so that it can be started with another number of threads. */
async function stop(threads: number): Promise<void> {
  const held = running()!.numDataIds();
  if (held > 0) {
    throw new UnsupportedError({
      given: `${threads} threads, while wasm runs with another number and holds ${held} tensors`,
      expected: 'the number of threads to be chosen before tensors are made',
      remedy: 'Call `useBackend` first, dispose of the tensors, or start a new process.',
    });
  }
  const factory = engine().findBackendFactory('wasm');
  await keepingListeners(async () => tf.removeBackend('wasm'));
  tf.registerBackend('wasm', factory, 2);
}

/** Refuses what a page cannot have. */
function requirePossible(threads: number | undefined, blas: boolean | undefined): void {
  const [obstacle, single] = [blasObstacle(), threadsObstacle()];
  if (blas === true && obstacle !== undefined) {
    throw new UnsupportedError({
      given: `blas: true, where ${obstacle}`,
      expected: 'Node.js, in which OpenBLAS can be called',
      remedy: 'Leave the option out: wasm multiplies matrices by itself.',
    });
  }
  if (threads !== undefined && threads > 1 && single !== undefined) {
    throw new UnsupportedError({
      given: `threads: ${threads}, where ${single}`,
      expected: 'a page that shares memory with its workers',
      remedy: 'Leave the option out, or serve the page with these headers.',
    });
  }
}

/**
 * Makes wasm the current backend, with repaired kernels.
 *
 * Where the system has OpenBLAS, it multiplies matrices on all the threads and the build does the
 * rest on one: two pools of threads that wait for each other's work by spinning are slower than
 * either alone.
 *
 * @param asked how many threads; by default as many as there are cores, at most 8
 * @param blas whether the system's OpenBLAS is used; by default where it is found
 * @throws UnsupportedError where its package is not installed, where it cannot start, would have to drop tensors to change threads, or is
 *   asked in a page for OpenBLAS or for threads that the page cannot have.
 */
export async function useWasm(asked?: number, blas?: boolean): Promise<WasmReport> {
  requirePossible(asked, blas);
  const threads = asked ?? defaultThreads();
  const { getThreadsCount } = await load();
  const library = switchBlas(blas !== false, threads);
  const wanted = 'name' in library ? 1 : threads;
  const remarks =
    'missing' in library && blas !== false ? [`without OpenBLAS: ${library.missing}`] : [];
  const single = threadsObstacle();
  if (single !== undefined) remarks.push(`without threads: ${single}`);
  if (running() && wanted !== getThreadsCount()) await stop(wanted);
  if (running()) {
    await tf.setBackend('wasm');
  } else {
    let started = await start(wanted).catch((error: Error) => {
      remarks.push(`threads failed (${error.message})`);
      return false;
    });
    if (!started && wanted > 1) started = await start(1);
    if (!started) {
      throw new UnsupportedError({
        given: 'a machine where the wasm backend does not start',
        expected: 'a machine that runs WebAssembly',
        remedy: "Use `useBackend('cpu')`.",
      });
    }
  }
  const sharing = 'missing' in library ? getThreadsCount() : threads;
  if (sharing === 1) endThreads(running() as tf.KernelBackend as Heap);
  shareAmong(sharing);
  const device = processorName();
  if ('missing' in library) return { device, threads: getThreadsCount(), remarks };
  return { device, threads, blas: library.name, remarks };
}
