import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { checkRecord, phrase } from '../options';
import { mapTensors, type NamedTensors, spaceOf, tensors, type Vector } from '../spaces';
import type { Memory } from './movers';

/** What a saved bilevel run holds besides its hyperparameters. */
interface SavedState {
  /** Outer and inner steps taken. */
  step: number;
  innerSteps: number;
  w: SavedVector;
  adjoint?: SavedVector;
  innerOptimizer?: SavedMemory;
  outerOptimizer: SavedMemory;
}

/** Everything a bilevel run needs to go on, as plain text and numbers: it survives JSON. */
export interface BilevelCheckpoint extends SavedState {
  λ: SavedVector;
  /** λ by another name; JSON leaves it out. */
  readonly lambda?: SavedVector;
}

/** A saved run to resume; its hyperparameters may be called `λ` or `lambda`. */
export type ResumableCheckpoint =
  | BilevelCheckpoint
  | (SavedState & { lambda: SavedVector; λ?: never });

/** The checkpoint, with `lambda` for its λ too. */
export const withLatinName = (checkpoint: BilevelCheckpoint): BilevelCheckpoint =>
  Object.defineProperty(checkpoint, 'lambda', { get: () => checkpoint.λ });

/** The saved hyperparameters, by either name. */
export const hyperparametersIn = (checkpoint: ResumableCheckpoint): SavedVector =>
  checkpoint.λ ?? checkpoint.lambda;

/** A vector: named tensors, or one array. */
export type SavedVector = Record<string, SavedArray> | SavedArray;

/** The numbers of an array, little-endian, in base64. */
export interface SavedArray {
  shape: number[];
  dtype: 'float64' | tf.DataType;
  base64: string;
}

/** What an optimizer remembers. */
export interface SavedMemory {
  of: string;
  vectors: Record<string, SavedVector>;
  numbers: Record<string, number>;
}

/** @throws InputError for anything but a saved run. */
export function checkCheckpoint(saved: unknown): void {
  const {
    step,
    innerSteps,
    w,
    lambda,
    λ = lambda,
    adjoint = {},
    innerOptimizer,
    outerOptimizer,
  } = (saved ?? {}) as Partial<BilevelCheckpoint>;
  const counted = [step, innerSteps].every((n) => Number.isSafeInteger(n) && n! >= 0);
  const isRecord = (x: unknown) => typeof x === 'object' && x !== null;
  const isMemory = (x: unknown) => {
    const { of, vectors, numbers } = (x ?? {}) as Partial<SavedMemory>;
    return typeof of === 'string' && isRecord(vectors) && isRecord(numbers);
  };
  const memories =
    innerOptimizer === undefined ? [outerOptimizer] : [innerOptimizer, outerOptimizer];
  if (counted && [w, λ, adjoint].every(isRecord) && memories.every(isMemory)) return;
  throw new InputError({
    given: `${phrase(saved)} as a checkpoint`,
    expected: 'what save() of a bilevel run has returned',
    remedy: 'Pass it whole: { step, innerSteps, w, λ, outerOptimizer, … }.',
  });
}

export async function save(x: Vector): Promise<SavedVector> {
  if (x instanceof Float64Array) {
    return { shape: [x.length], dtype: 'float64', base64: encode(x) };
  }
  const saved: Record<string, SavedArray> = {};
  for (const [name, value] of Object.entries(x)) {
    const { shape, dtype } = value;
    saved[name] = { shape, dtype, base64: encode(await value.data()) };
  }
  return saved;
}

/** A new vector, the caller's. */
export function load(saved: SavedVector): Vector {
  if (isArray(saved)) return new Float64Array(decode(saved.base64).buffer);
  return tensors.keep(
    Object.fromEntries(
      Object.entries(saved).map(([name, array]) => {
        checkRecord(array, `'${name}' of a saved vector`, '{ shape, dtype, base64 }');
        const { shape, dtype, base64 } = array;
        const { buffer } = decode(base64);
        const values = dtype === 'int32' ? new Int32Array(buffer) : new Float32Array(buffer);
        return [name, tf.tensor(values, shape, dtype as tf.DataType)];
      }),
    ),
  );
}

/** @throws InputError or ShapeError for what is not like something that is there. */
export function loadLike<V extends Vector>(saved: SavedVector, like: V, what: string): V {
  const loaded = load(saved);
  const space = spaceOf(like);
  try {
    if (loaded instanceof Float64Array !== like instanceof Float64Array) {
      throw new InputError({
        given: `${what} in another arithmetic`,
        expected: 'float64 for float64, tensors for tensors',
        remedy: 'A checkpoint goes with the problem that it was made of.',
      });
    }
    space.check(loaded as V, like, what);
    if (loaded instanceof Float64Array) return loaded as V;
    // In the order of the original.
    return mapTensors(like as NamedTensors, (_, name) => loaded[name]!) as V;
  } catch (error) {
    space.free(loaded);
    throw error;
  }
}

export async function saveMemory({ of, vectors, numbers }: Memory): Promise<SavedMemory> {
  const saved: SavedMemory = { of, vectors: {}, numbers };
  for (const [name, x] of Object.entries(vectors)) saved.vectors[name] = await save(x);
  return saved;
}

export function loadMemory({ of, vectors, numbers }: SavedMemory): Memory {
  return {
    of,
    vectors: Object.fromEntries(Object.entries(vectors).map(([name, x]) => [name, load(x)])),
    numbers: { ...numbers },
  };
}

const isArray = (saved: SavedVector): saved is SavedArray => typeof saved.base64 === 'string';

/** How many bytes are encoded at a time: few enough for the arguments of a function, and a multiple of 3. */
const CHUNK = 3 * 8192;

function encode({ buffer, byteOffset, byteLength }: ArrayBufferView): string {
  let text = '';
  for (let from = 0; from < byteLength; from += CHUNK) {
    const size = Math.min(CHUNK, byteLength - from);
    text += btoa(String.fromCharCode(...new Uint8Array(buffer, byteOffset + from, size)));
  }
  return text;
}

function decode(base64: string) {
  const text = textOf(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** @throws InputError for anything but base64. */
function textOf(base64: unknown): string {
  try {
    if (typeof base64 === 'string') return atob(base64);
  } catch {}
  throw new InputError({
    given: `${phrase(base64)} as the numbers of a saved vector`,
    expected: 'what save() of a bilevel run has returned',
    remedy: 'Pass the checkpoint whole, as it was written.',
  });
}
