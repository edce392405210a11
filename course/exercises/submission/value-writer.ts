import type * as tf from '@tensorflow/tfjs';
import { describe, isTensor, isTypedArray } from '../describe';
import { ARRAYS, type Coded, DEEPEST, type Numbers } from './values';

const MOST_NUMBERS = 5e6;
const LONGEST_TEXT = 1e5;

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
   * @throws RangeError if there are more numbers than any exercise needs
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
    if (this.left < 0)
      throw new RangeError('far more numbers were returned than the exercise needs');
  }
}
