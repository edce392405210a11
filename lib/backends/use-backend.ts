import * as tf from '@tensorflow/tfjs';
import { variable } from '#platform/environment';
import { availableThreads, processorName } from '#platform/machine';
import { findTensorflow, useTensorflow } from '#platform/tensorflow';
import { InputError, UnsupportedError } from '../errors';
import { checkFlag, checkNoMore, checkOptionNames, quoted, shown } from '../options';
import { mostThreads, useWasm } from './wasm';
import { type Adapter, findAdapter, useWebgpu } from './webgpu';

/** The backends, best first. */
export const backendNames = ['webgpu', 'tensorflow', 'wasm', 'cpu'] as const;
export type BackendName = (typeof backendNames)[number];

export interface BackendOptions {
  /**
   * Threads of wasm, or of the BLAS it uses, 1 to 8; by default as many as there are cores. Where they are given,
   * `'auto'` passes a GPU over.
   */
  threads?: number;
  /** Whether wasm multiplies matrices by the system's OpenBLAS where it is installed; by default yes. */
  blas?: boolean;
}

/** What was chosen, and why. */
export interface BackendReport {
  name: BackendName;
  /** The processor or GPU that computes, in its driver's words. */
  device: string;
  /** Threads of the processor that compute; 0 on a GPU. */
  threads: number;
  /** The system's library that multiplies matrices for wasm, where one does. */
  blas?: string;
  /** A sentence: how this backend was chosen, and which others were not. */
  why: string;
  /** The better backends that could not be had. */
  passedOver: { name: BackendName; reason: string }[];
}

type Started = Pick<BackendReport, 'device' | 'threads' | 'blas'> & { remarks?: string[] };

/** `adapter` is the one that was found already, if it was looked for. */
type Start = (options: BackendOptions, adapter?: Adapter) => Promise<Started>;

const start: Record<BackendName, Start> = {
  webgpu: async (_, adapter) => ({
    ...(await useWebgpu(adapter ?? (await findAdapter()))),
    threads: 0,
  }),
  tensorflow: async () => ({ ...(await useTensorflow()), threads: availableThreads() }),
  wasm: ({ threads, blas }) => useWasm(threads, blas),
  cpu: async () => {
    await tf.setBackend('cpu');
    // It would advertise tfjs-node at its first tensor; the report has more.
    (tf.backend() as { firstUse?: boolean }).firstUse = false;
    return { device: processorName(), threads: 1 };
  },
};

/** Why `auto` should not try a backend, or what was found for it. */
async function look(
  name: BackendName,
  { threads }: BackendOptions,
): Promise<{ reason: string } | { adapter?: Adapter }> {
  if (name === 'tensorflow') {
    const found = findTensorflow();
    return 'reason' in found ? found : {};
  }
  if (name !== 'webgpu') return {};
  if (threads !== undefined) return { reason: 'threads of the processor were asked for' };
  const adapter = await findAdapter();
  if ('reason' in adapter) return adapter;
  return adapter.software ? { reason: `${adapter.device} is a software driver` } : { adapter };
}

function checkName(name: string, source: string): asserts name is BackendName | 'auto' {
  if (name === 'auto' || backendNames.includes(name as BackendName)) return;
  throw new InputError({
    given: `${quoted(name)} ${source}`,
    expected: `one of 'auto', ${backendNames.map((n) => `'${n}'`).join(', ')}`,
    remedy: 'Choose one of these, or leave the choice to the machine.',
  });
}

function checkThreads(threads: number | undefined) {
  if (threads === undefined) return;
  if (Number.isInteger(threads) && threads >= 1 && threads <= mostThreads) return;
  throw new InputError({
    given: `threads: ${shown(threads)}`,
    expected: `a whole number from 1 to ${mostThreads}`,
    remedy: 'The wasm build can use no more; leave it out for as many as there are cores.',
  });
}

/** Starts one backend; on failure the one before is current again. */
async function startOrRestore(name: BackendName, ...given: Parameters<Start>): Promise<Started> {
  const before = tf.getBackend();
  try {
    return await start[name](...given);
  } catch (error) {
    if (before) await tf.setBackend(before);
    throw error;
  }
}

/** The start that is under way; TensorFlow.js gives up one that another overtakes. */
let underWay: Promise<unknown> | undefined;

/** How long another start is waited for, in milliseconds: one that an interrupt has cut short never ends. */
const PATIENCE = 10_000;

/** Starts after the one that is under way, if one is. */
async function inTurn<T>(begin: () => Promise<T>): Promise<T> {
  const before = underWay;
  const begun = before === undefined ? begin() : ended(before).then(begin);
  underWay = begun;
  try {
    return await begun;
  } finally {
    if (underWay === begun) underWay = undefined;
  }
}

/** Resolves when the promise has settled, or patience is at an end. */
async function ended(promise: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE);
  });
  await Promise.race([promise.catch(() => {}), late]);
  clearTimeout(timer);
}

/**
 * Chooses what TensorFlow.js computes on, and returns a report of the choice.
 *
 * A name is obeyed. `'auto'`, the default, takes the name in the environment variable
 * `IMPLICIT_BACKEND`; without one, webgpu where there is a real GPU and no `threads` are given, else tensorflow where
 * tfjs-node is installed with its addon, else wasm with threads, else cpu. Of several calls at once each
 * begins when the one before has ended.
 *
 * @throws InputError for an unknown name, and for options that are unknown or out of range.
 * @throws UnsupportedError where a backend that was named does not start; the one before stays.
 */
export async function useBackend(
  name: BackendName | 'auto' = 'auto',
  options: BackendOptions = {},
): Promise<BackendReport> {
  checkNoMore('useBackend', arguments, 2);
  checkName(name, 'as the name of a backend');
  checkOptionNames('useBackend', options, ['threads', 'blas']);
  checkThreads(options.threads);
  checkFlag(options.blas, 'blas', true);
  const wished = variable('IMPLICIT_BACKEND') || 'auto';
  checkName(wished, 'in the environment variable IMPLICIT_BACKEND');
  return inTurn(() => choose(name, wished, options));
}

async function choose(
  name: BackendName | 'auto',
  wished: BackendName | 'auto',
  options: BackendOptions,
): Promise<BackendReport> {
  const named = name !== 'auto' ? name : wished;
  if (named !== 'auto') {
    const { remarks = [], ...started } = await startOrRestore(named, options);
    const who = name === 'auto' ? 'IMPLICIT_BACKEND asks for it' : 'it was asked for';
    return { name: named, ...started, why: [who, ...remarks].join('; '), passedOver: [] };
  }

  const passedOver: BackendReport['passedOver'] = [];
  for (const candidate of backendNames) {
    try {
      const found = await look(candidate, options);
      if ('reason' in found) {
        passedOver.push({ name: candidate, reason: found.reason });
        continue;
      }
      const { remarks = [], ...started } = await startOrRestore(candidate, options, found.adapter);
      const reasons = passedOver.map((p) => `${p.name}: ${p.reason}`);
      const why = ['the best that works here', ...reasons, ...remarks].join('; ');
      return { name: candidate, ...started, why, passedOver };
    } catch (error) {
      passedOver.push({ name: candidate, reason: (error as Error).message });
    }
  }
  throw new UnsupportedError({
    given: `a machine where nothing starts (${passedOver.map((p) => p.reason).join('; ')})`,
    expected: 'a machine where at least the cpu backend runs',
    remedy: 'Check the installation of @tensorflow/tfjs.',
  });
}
