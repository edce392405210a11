import * as tf from '@tensorflow/tfjs';

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

export const DEEPEST = 12;

export const ARRAYS = {
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

/** The tensors in a value. Arrays of numbers, which may be long, are not looked through. */
export function tensorsIn(value: unknown, depth = 0): tf.Tensor[] {
  if (typeof value !== 'object' || value === null || depth > DEEPEST) return [];
  if (value instanceof tf.Tensor) return [value];
  if (ArrayBuffer.isView(value) || (Array.isArray(value) && typeof value[0] === 'number'))
    return [];
  return Object.values(value).flatMap((member) => tensorsIn(member, depth + 1));
}
