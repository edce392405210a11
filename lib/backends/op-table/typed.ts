import * as tf from '@tensorflow/tfjs';
import type { Input } from './case';

/** The types that the columns of the table are about. */
export const types = ['float32', 'int32', 'bool'] as const;
export type Type = (typeof types)[number];

/** An input with a type. */
export interface Typed extends Input {
  dtype: Type;
}

/** What a call gives: tensors as they can be read, or words of refusal. */
export type Answer = { outputs: Output[] } | { refusal: string };

interface Output {
  dtype: string;
  shape: number[];
  values: number[];
}

/** One call of an op on inputs of given types and shapes. */
export interface TypedCall {
  name: string;
  inputs: Typed[];
  f(...inputs: tf.Tensor[]): tf.Tensor | tf.Tensor[];
}

/** A number as a type holds it: 1.7 is the integer 1, and yes. */
export const asType = (x: number, dtype: Type): number =>
  dtype === 'float32' ? Math.fround(x) : dtype === 'int32' ? Math.trunc(x) : Number(x !== 0);

const tensorOf = ({ shape, values, dtype }: Typed) =>
  tf.tensor(
    values.map((x) => asType(x, dtype)),
    shape,
    dtype,
  );

const outputOf = async (y: tf.Tensor): Promise<Output> => ({
  dtype: y.dtype,
  shape: y.shape,
  values: Array.from((await y.data()) as Float32Array),
});

/** The answer of the current backend to a call. */
export async function answer({ inputs, f }: TypedCall): Promise<Answer> {
  let made: tf.Tensor[] = [];
  try {
    const outputs = tf.tidy(() => {
      const result = f(...inputs.map(tensorOf));
      return Array.isArray(result) ? result : [result];
    });
    made = outputs;
    return { outputs: await Promise.all(outputs.map(outputOf)) };
  } catch (error) {
    return { refusal: (error as Error).message };
  } finally {
    tf.dispose(made);
  }
}

/** Whether two numbers are the same but for rounding; a NaN is only like another. */
const alike = (a: number, b: number, scale: number, tolerance: number) =>
  Object.is(a, b) || a === b || Math.abs(a - b) <= tolerance * scale;

/**
 * What is different about an answer, in words; nothing where it is the expected one.
 *
 * Types and shapes must be equal, integers exact, and float32 right up to `tolerance` relative to the
 * largest finite entry.
 */
export function difference(expected: Answer, found: Answer, tolerance: number): string | undefined {
  if ('refusal' in expected) return undefined;
  if ('refusal' in found) return `refused: ${found.refusal}`;
  for (const [i, e] of expected.outputs.entries()) {
    const f = found.outputs[i];
    if (!f) return `${found.outputs.length} outputs instead of ${expected.outputs.length}`;
    if (f.dtype !== e.dtype) return `${f.dtype} instead of ${e.dtype}`;
    if (f.shape.join() !== e.shape.join()) return `[${f.shape}] instead of [${e.shape}]`;
    const scale = e.values.reduce((m, x) => (Number.isFinite(x) ? Math.max(m, Math.abs(x)) : m), 1);
    const allowed = e.dtype === 'float32' ? tolerance : 0;
    const wrong = e.values.findIndex((x, k) => !alike(f.values[k]!, x, scale, allowed));
    if (wrong >= 0 || f.values.length !== e.values.length) {
      const from = Math.max(0, wrong - 2);
      return `${show(f.values.slice(from))} instead of ${show(e.values.slice(from))} at ${from}`;
    }
  }
  return undefined;
}

const show = (values: number[]) =>
  `${values
    .slice(0, 8)
    .map((x) => Number(x.toPrecision(6)))
    .join(' ')}${values.length > 8 ? ' …' : ''}`;

/** A call in words, to try it again: its name, and its inputs. */
export const inWords = ({ name, inputs }: TypedCall) =>
  `${name}(${inputs.map(({ dtype, shape, values }) => `${dtype}[${shape}] ${show(values)}`).join('; ')})`;
