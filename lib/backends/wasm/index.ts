import os from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors';
import { engine } from '../engine';
import { repairKernels } from './kernels';
import { keepingListeners } from './listeners';
import { defaultThreads, withThreads } from './threads';

export { mostThreads } from './threads';

/** The wasm backend as it runs: the processor, its threads, and what did not go as asked. */
export interface WasmReport {
  device: string;
  threads: number;
  remarks: string[];
}

const running = () => engine().registry.wasm;

/** Starts the backend with so many threads; false where TensorFlow.js could not. */
async function start(threads: number): Promise<boolean> {
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  repairKernels();
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', threads > 1);
  wasm.setThreadsCount(threads);
  const load = () => tf.setBackend('wasm');
  return keepingListeners(() => (threads > 1 ? withThreads(threads, load) : load()));
}

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

/**
 * Makes wasm the current backend, with repaired kernels.
 *
 * @param threads how many; by default as many as there are cores, at most 8. One that is running
 *   is kept if nothing is asked or it has that many.
 * @throws UnsupportedError where it cannot start, or would have to drop tensors to change threads.
 */
export async function useWasm(threads?: number): Promise<WasmReport> {
  const { getThreadsCount } = await import('@tensorflow/tfjs-backend-wasm');
  const remarks: string[] = [];
  if (running() && threads !== undefined && threads !== getThreadsCount()) await stop(threads);
  if (running()) {
    await tf.setBackend('wasm');
  } else {
    const wanted = threads ?? defaultThreads();
    let started = await start(wanted).catch((error: Error) => {
      remarks.push(`threads failed (${error.message})`);
      return false;
    });
    if (!started && wanted > 1) started = await start(1);
    if (!started) {
      throw new UnsupportedError({
        given: 'a machine where the wasm backend does not start',
        expected: 'one that runs WebAssembly',
        remedy: "Use `useBackend('cpu')`.",
      });
    }
  }
  return { device: os.cpus()[0]?.model ?? os.arch(), threads: getThreadsCount(), remarks };
}
