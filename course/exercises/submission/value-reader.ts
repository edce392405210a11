import * as tf from '@tensorflow/tfjs';
import { ARRAYS, type Coded, DEEPEST, type Numbers, type Packet } from './values';

/** What a reader cannot know by itself. */
export interface ReaderHooks {
  /** Hears of arrays and tensors that were given a name. */
  named?(id: number, value: tf.Tensor | Numbers): void;
  /** A tensor that is only pointed to. */
  tensor?(kind: 'known' | 'argument' | 'node', index: number): tf.Tensor | undefined;
  function?(code: { handle: number; length: number; measures: boolean }): unknown;
}

/** Something that has no counterpart in another process. */
class Other {
  constructor(readonly what: string) {}
}

/** The bytes received are not a value: no `Writer` wrote them. */
export class FormatError extends Error {
  override name = 'FormatError';
}

/**
 * Reads what a `Writer` wrote.
 *
 * @throws FormatError where it was not
 */
export function readValue({ value, bytes }: Packet, hooks: ReaderHooks = {}): unknown {
  return read(value, bytes, hooks, 0);
}

function read(code: Coded, bytes: Uint8Array, hooks: ReaderHooks, depth: number): unknown {
  if (code === null || ['boolean', 'string', 'number'].includes(typeof code)) return code;
  if (typeof code !== 'object' || depth > DEEPEST + 2) throw new FormatError('no value');
  switch (code.kind) {
    case 'undefined':
      return undefined;
    case 'number':
      return Number(code.text);
    case 'bigint':
      return /^-?\d+$/.test(code.text) ? BigInt(code.text) : undefined;
    case 'symbol':
      return Symbol(String(code.text));
    case 'other':
      return new Other(String(code.text));
    case 'numbers':
      return named(code, readArray(code.type, bytes, code), hooks);
    case 'tensor':
      return named(code, readTensor(code, bytes), hooks);
    case 'list':
      return listOf(code.members).map((member) => read(member, bytes, hooks, depth + 1));
    case 'record':
      return readRecord(code, bytes, hooks, depth);
    case 'function':
      return hooks.function?.(code) ?? stranger;
    case 'promise':
      return Promise.resolve(read(code.value, bytes, hooks, depth + 1));
    case 'known':
    case 'argument':
    case 'node': {
      const tensor = hooks.tensor?.(code.kind, code.index);
      if (!tensor) throw new FormatError('a tensor that is not there');
      return tensor;
    }
    default:
      throw new FormatError('no value');
  }
}

/** Stands for a function of the other process that cannot be called from here. */
const stranger = () => {
  throw new TypeError('this function cannot be called outside its own process');
};

function named<T extends tf.Tensor | Numbers>(code: { id?: number }, value: T, hooks: ReaderHooks) {
  if (code.id !== undefined) hooks.named?.(code.id, value);
  return value;
}

const listOf = <T>(members: T[]): T[] => {
  if (!Array.isArray(members)) throw new FormatError('no list');
  return members;
};

function readArray(
  type: string,
  bytes: Uint8Array,
  { at, length }: { at: number; length: number },
): Numbers {
  const Kind = type === 'Array' ? Float64Array : ARRAYS[type as keyof typeof ARRAYS];
  const isHere = Number.isInteger(at) && Number.isInteger(length) && at >= 0 && length >= 0;
  if (!Kind || !isHere || at + length * Kind.BYTES_PER_ELEMENT > bytes.length) {
    throw new FormatError('no array');
  }
  // A copy, whose bytes begin where its type wants them to; a `Buffer` would slice without copying.
  const end = at + length * Kind.BYTES_PER_ELEMENT;
  const own = Uint8Array.prototype.slice.call(bytes, at, end);
  const array = new Kind(own.buffer, own.byteOffset, length);
  return type === 'Array' ? Array.from(array) : array;
}

function readTensor(
  code: { dtype: string; shape: number[]; at: number; length: number },
  bytes: Uint8Array,
): tf.Tensor {
  const shape = listOf(code.shape);
  const size = shape.reduce((product, n) => product * n, 1);
  const isShape = shape.every((n) => Number.isInteger(n) && n >= 0) && size === code.length;
  const isKnown = ['float32', 'int32', 'bool'].includes(code.dtype);
  if (!isShape || !isKnown) throw new FormatError('no tensor');
  const data = readArray('Float64Array', bytes, code);
  return tf.tensor(
    code.dtype === 'float32' ? Float32Array.from(data) : Int32Array.from(data),
    shape,
    code.dtype as 'float32',
  );
}

function readRecord(
  { name, members }: { name: string; members: [string, Coded][] },
  bytes: Uint8Array,
  hooks: ReaderHooks,
  depth: number,
): object {
  // One of a class keeps its name, and nothing else of it.
  const record: object = name === 'Object' ? {} : Object.create({ constructor: { name } });
  for (const [key, member] of listOf(members)) {
    const value = read(member, bytes, hooks, depth + 1);
    // Not by assignment: a key may be `__proto__`.
    Object.defineProperty(record, String(key), {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return record;
}
