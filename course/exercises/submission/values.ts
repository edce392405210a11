import * as tf from '@tensorflow/tfjs';
import { describe, isTensor, isTypedArray } from '../describe';

/**
 * Values between the process that runs a learner's function and the one that judges it.
 *
 * The two share no memory and need not trust each other: what is read here is data, never code, and
 * whatever comes is either a value or an error. Numbers travel as bytes behind the text, so that
 * every one of them arrives as it was, NaN and −0 included.
 */
export type Coded =
  | null
  | boolean
  | string
  | number
  | { kind: 'undefined' }
  | { kind: 'number' | 'bigint' | 'symbol' | 'other'; text: string }
  | { kind: 'numbers'; type: string; at: number; length: number; id?: number }
  | { kind: 'tensor'; dtype: string; shape: number[]; at: number; length: number; id?: number }
  | { kind: 'list'; members: Coded[] }
  | { kind: 'record'; name: string; members: [string, Coded][] }
  | { kind: 'function'; handle: number; length: number; measures: boolean }
  | { kind: 'promise'; value: Coded }
  /** A tensor that the reader has: one it was given, an argument of its call, a node of a graph. */
  | { kind: 'known' | 'argument' | 'node'; index: number };

/** A coded value with its numbers. */
export interface Packet {
  value: Coded;
  bytes: Uint8Array;
}

const DEEPEST = 12;
const MOST_NUMBERS = 5e6;
const LONGEST_TEXT = 1e5;

const ARRAYS = {
  Float64Array,
  Float32Array,
  Int32Array,
  Uint32Array,
  Int16Array,
  Uint16Array,
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
} as const;

export type Numbers = number[] | InstanceType<(typeof ARRAYS)[keyof typeof ARRAYS]>;

/** What a writer cannot know by itself. */
export interface WriterHooks {
  /** How a tensor is written that the reader may have already. */
  tensor?(tensor: tf.Tensor): Coded | undefined;
  /** What reader and writer call a tensor that is written out, or an array. */
  name?(value: tf.Tensor | Numbers): number;
  function?(value: (...args: never[]) => unknown, owner: unknown): Coded;
}

/** Writes values, one after the other, into one stretch of bytes. */
export class Writer {
  private readonly pieces: Uint8Array[] = [];
  private length = 0;
  private left = MOST_NUMBERS;

  constructor(private readonly hooks: WriterHooks = {}) {}

  /**
   * @throws RangeError where there are more numbers than any exercise asks for
   * @throws whatever reading an object throws: it may be a proxy, or a tensor disposed of
   */
  write(value: unknown, owner?: unknown, depth = 0): Coded {
    switch (typeof value) {
      case 'undefined':
        return { kind: 'undefined' };
      case 'boolean':
        return value;
      case 'string':
        return value.slice(0, LONGEST_TEXT);
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : { kind: 'number', text: Object.is(value, -0) ? '-0' : String(value) };
      case 'bigint':
      case 'symbol':
        return { kind: typeof value as 'bigint' | 'symbol', text: String(value).slice(0, 1000) };
      case 'function':
        return (
          this.hooks.function?.(value as () => unknown, owner) ?? {
            kind: 'function',
            handle: -1,
            length: 0,
            measures: false,
          }
        );
      default:
        return value === null ? null : this.writeObject(value as object, depth);
    }
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    return all;
  }

  private writeObject(value: object, depth: number): Coded {
    if (depth > DEEPEST) return { kind: 'other', text: describe(value) };
    if (isTensor(value)) return this.writeTensor(value as typeof value & tf.Tensor);
    if (isTypedArray(value)) return this.writeArray(value as Numbers);
    if (Array.isArray(value)) {
      if (value.every((member) => typeof member === 'number')) return this.writeArray(value);
      this.spend(value.length);
      return {
        kind: 'list',
        members: Array.from(value, (member) => this.write(member, value, depth + 1)),
      };
    }
    if (typeof Reflect.get(value, 'then') === 'function') {
      return { kind: 'promise', value: { kind: 'undefined' } };
    }
    const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
    const entries = Object.entries(value);
    this.spend(entries.length);
    return {
      kind: 'record',
      name: typeof name === 'string' ? name.slice(0, 200) : 'Object',
      members: entries.map(([key, member]) => [key, this.write(member, value, depth + 1)]),
    };
  }

  private writeArray(value: Numbers): Coded {
    this.spend(value.length);
    const type = Array.isArray(value) ? 'Array' : value.constructor.name;
    if (!(type in ARRAYS) && type !== 'Array') return { kind: 'other', text: describe(value) };
    const data = Array.isArray(value) ? Float64Array.from(value) : value;
    const id = this.hooks.name?.(value);
    return { kind: 'numbers', type, ...this.append(data), ...(id === undefined ? {} : { id }) };
  }

  private writeTensor(tensor: tf.Tensor): Coded {
    const known = this.hooks.tensor?.(tensor);
    if (known) return known;
    this.spend(tensor.size);
    if (tensor.dtype === 'string' || tensor.dtype === 'complex64') {
      return { kind: 'other', text: `a tensor of ${tensor.dtype}` };
    }
    const data = Float64Array.from(tensor.dataSync());
    const id = this.hooks.name?.(tensor);
    const { dtype, shape } = tensor;
    return {
      kind: 'tensor',
      dtype,
      shape: [...shape],
      ...this.append(data),
      ...(id === undefined ? {} : { id }),
    };
  }

  private append(data: ArrayLike<number> & ArrayBufferView): { at: number; length: number } {
    const at = this.length;
    const piece = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    this.pieces.push(piece);
    this.length += piece.length;
    return { at, length: data.length };
  }

  private spend(count: number) {
    this.left -= count;
    if (this.left < 0) throw new RangeError('far more numbers came back than were asked for');
  }
}

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

/** The bytes received are not a value: no {@link Writer} wrote them. */
export class FormatError extends Error {
  override name = 'FormatError';
}

/**
 * Reads what a {@link Writer} wrote.
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

/** The tensors in a value. Arrays of numbers, which may be long, are not looked through. */
export function tensorsIn(value: unknown, depth = 0): tf.Tensor[] {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return [];
  if (value instanceof tf.Tensor) return [value];
  if (ArrayBuffer.isView(value) || (Array.isArray(value) && typeof value[0] === 'number'))
    return [];
  return Object.values(value).flatMap((member) => tensorsIn(member, depth + 1));
}
