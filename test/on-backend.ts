/**
 * Runs tests of `lib/` on one backend, whichever they name: `TEST_BACKEND=webgpu npx vitest run lib/methods`.
 *
 * A test may read numbers of a GPU at once; the library may not, and is refused as always.
 */
import { existsSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { vi } from 'vitest';

type UseBackend = typeof import('../lib/backends/use-backend').useBackend;

/** By the values of TEST_BACKEND. */
const choices: Record<string, Parameters<UseBackend>> = {
  cpu: ['cpu'],
  wasm: ['wasm', { threads: 1 }],
  'wasm-without-blas': ['wasm', { threads: 1, blas: false }],
  webgpu: ['webgpu'],
};

const wanted = process.env.TEST_BACKEND ?? '';
const choice = choices[wanted];
if (choice === undefined) {
  throw new Error(`TEST_BACKEND is '${wanted}', not one of ${Object.keys(choices).join(', ')}.`);
}

// Chromium brings a Vulkan driver that computes on the processor.
const software = '/usr/lib/chromium/vk_swiftshader_icd.json';
if (!process.env.VK_DRIVER_FILES && existsSync(software)) process.env.VK_DRIVER_FILES = software;

vi.mock('../lib/backends/use-backend', async (original) => {
  const module = await original<typeof import('../lib/backends/use-backend')>();
  let starting = 0;
  const useBackend: UseBackend = async () => {
    starting++;
    try {
      return await module.useBackend(...choice);
    } finally {
      starting--;
    }
  };
  const engine = tf.engine();
  const { setBackend } = engine;
  engine.setBackend = (name) => {
    const isOther = name !== choice[0] && (name === 'cpu' || name === 'wasm');
    if (starting > 0 || !isOther) return setBackend.call(engine, name);
    // Tensors that a file makes before its first test need a backend at once.
    if (name === 'cpu') void setBackend.call(engine, name);
    return useBackend().then(() => true);
  };
  return { ...module, useBackend };
});

/** The parts of the webgpu backend by which numbers are read. */
interface Gpu extends tf.KernelBackend {
  tensorMap: { get(id: object): { values?: unknown; resource?: Buffer } | undefined };
  device: { createBuffer(of: { size: number; usage: number }): Buffer };
  commandEncoder: { copyBufferToBuffer(...from: [Buffer, 0, Buffer, 0, number]): void };
  uploadToGPU(id: object): void;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

interface Buffer {
  size: number;
  mapState: 'unmapped' | 'pending' | 'mapped';
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  destroy(): void;
}

/** `MAP_READ | COPY_DST`, and the mode to read. */
const [USAGE, READ] = [1 | 8, 1];

/** What the GPU's driver has asked to be called for. */
const due = new Set<() => void>();

/** Native functions that wait for a turn are the driver's, which notices only there that a buffer is readable. */
function collectTurns(): void {
  const stock = globalThis.setImmediate;
  const isNative = (f: unknown) => `${f}`.includes('[native code]');
  const collected = (f: (...args: unknown[]) => void, ...args: unknown[]) => {
    if (!isNative(f)) return stock(f, ...args);
    const once = () => {
      if (due.delete(once)) f(...args);
    };
    due.add(once);
    return stock(once);
  };
  globalThis.setImmediate = Object.assign(collected, stock);
}

/** Numbers of a tensor that is on the GPU alone; undefined for any other. */
function readAtOnce(gpu: Gpu, { dataId, dtype }: tf.Tensor): tf.TypedArray | undefined {
  const data = gpu.tensorMap.get(dataId);
  if (data === undefined || data.values != null) return undefined;
  gpu.uploadToGPU(dataId);
  const from = data.resource;
  if (from === undefined) return undefined;
  const copy = gpu.device.createBuffer({ size: from.size, usage: USAGE });
  gpu.ensureCommandEncoderReady();
  gpu.endComputePassEncoder();
  gpu.commandEncoder.copyBufferToBuffer(from, 0, copy, 0, from.size);
  gpu.submitQueue();
  void copy.mapAsync(READ);
  while (copy.mapState === 'pending') for (const turn of [...due]) turn();
  const bytes = copy.getMappedRange().slice(0);
  copy.destroy();
  if (dtype === 'float32') return new Float32Array(bytes);
  const integers = new Int32Array(bytes);
  return dtype === 'bool' ? Uint8Array.from(integers) : integers;
}

/** Whether a test, or what tests share, has made the call that is under way. */
function isCalledByTest(): boolean {
  const lines = (new Error().stack ?? '').split('\n');
  const own = lines.filter(
    (line) => /[/\\](lib|test)[/\\]/.test(line) && !/node_modules/.test(line),
  );
  const caller = own.find((line) => !line.includes('on-backend'));
  return caller !== undefined && /\.test\.ts|testing/.test(caller);
}

if (choice[0] === 'webgpu') {
  collectTurns();
  const { dataSync } = tf.Tensor.prototype;
  tf.Tensor.prototype.dataSync = function <D extends tf.DataType>(this: tf.Tensor) {
    const isOnGpu = tf.getBackend() === 'webgpu' && !this.isDisposed && isCalledByTest();
    const numbers = isOnGpu ? readAtOnce(tf.backend() as Gpu, this) : undefined;
    return (numbers ?? dataSync.call(this)) as tf.DataTypeMap[D];
  };
}
