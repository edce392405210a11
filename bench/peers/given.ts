import type * as tf from '@tensorflow/tfjs';
import type { random } from '../../lib/numbers';
import type { NamedTensors } from '../../lib/spaces';

/** How a workload gives all systems the same data. */
export interface Giving {
  draw: ReturnType<typeof random>;
  /** Notes numbers under a name, rounded to float32, so that both precisions see the same ones. */
  give(name: string, shape: number[], values: ArrayLike<number>): void;
  /** What was given under a name. */
  tensor(name: string): tf.Tensor;
  /** What was given under `prefix_name`, by the names. */
  tensorsOf(prefix: string, names: readonly string[]): NamedTensors;
  giveTensors(prefix: string, x: NamedTensors): void;
}

/** Entries of 0 and 1: a 1 in each row, in one class after the other. */
export function oneHot(count: number, classes: number): Float32Array {
  const rows = new Float32Array(count * classes);
  for (let i = 0; i < count; i++) rows[i * classes + (i % classes)] = 1;
  return rows;
}

/** Normal numbers with a given deviation. */
export const normals = ({ draw }: Giving, count: number, deviation: number): Float32Array =>
  Float32Array.from(draw.normals(count), (x) => deviation * x);
