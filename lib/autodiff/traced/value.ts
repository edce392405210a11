import type * as tf from '@tensorflow/tfjs';
import type { FunctionName } from '../../backends/wasm/fused/expression';
import type { KernelCall } from '../../backends/wasm/fused/kernel-calls';

/** Memory for a list of numbers, and what puts them there. */
export interface Value {
  readonly size: number;
  /** float32 where it is missing. Kernels alone read and make others. */
  readonly dtype?: tf.DataType;
  /** What computes it; none for what is given from outside. */
  readonly by?: Operation;
  /** What that reads. */
  readonly of?: readonly View[];
  /** The number that all its entries are, where that is known. */
  readonly uniform?: number;
  /** Numbers that are the same in each evaluation. */
  readonly constant?: Float32Array | Int32Array | Uint8Array;
  /** Given: a leaf, a tensor from outside, a tangent. */
  readonly given?: number;
  /** Whether it depends on a tangent. */
  readonly late: boolean;
  /** Why it cannot be computed, where it cannot. */
  readonly failed?: string;
}

/** A value seen in a shape. */
export interface View {
  value: Value;
  shape: readonly number[];
}

/** A function of entries, with views for its inputs. */
export type Entries =
  | { kind: 'view'; view: View }
  | { kind: 'number'; value: number }
  | { kind: 'apply'; name: FunctionName; of: readonly Entries[] };

export type Operation =
  | { kind: 'entries'; entries: Entries; shape: readonly number[] }
  | { kind: 'reduce'; how: Reduction; of: View; rows: number; columns: number }
  | {
      kind: 'product';
      a: View;
      b: View;
      transposeA: boolean;
      transposeB: boolean;
      m: number;
      n: number;
      k: number;
    }
  | { kind: 'transpose'; of: View; rows: number; columns: number }
  /** The numbers of another value from one on, where they are. */
  | { kind: 'part'; of: View; from: number }
  /** The numbers of some values, one after the other. */
  | { kind: 'joined'; of: readonly View[] }
  | ({ kind: 'kernel'; of: readonly View[] } & KernelCall);

export type Reduction = 'sum' | 'row sums' | 'row maxima' | 'column sums';

/** Thrown where a recording has something that is not lowered. */
export class NotLowered extends Error {}

export const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
