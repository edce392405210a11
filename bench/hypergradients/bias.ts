import * as tf from '@tensorflow/tfjs';
import {
  type BatchedProblem,
  bilevelRidge,
  float64,
  hypergradient,
  implicit,
  type NamedTensors,
  neumann,
  PALETTE,
  random,
  regressionData,
} from './library';
import { keepResult } from './results';

const DRAWS = 400;
const BATCH = 10;
const TERMS = [1, 2, 5, 10, 20, 40];

/**
 * What a batch does to the mean of a hypergradient: ridge regression of 200 samples with 5 features,
 * batches of 10. The same batch for every product with the Hessian, or one for each.
 *
 * No peer has published it; the terms of the series with the mean Hessian are known, and the bias is
 * `(1/B) H⁻¹ E[(H₁ − H) H⁻¹ (H₁ − H)] H⁻¹` to first order.
 */
export async function biasTable(): Promise<void> {
  const data = regressionData({ train: 200, features: 5, noise: 0.5, seed: 3 });
  const known = bilevelRidge(data, { penalty: 'shared' });
  const λ64 = Float64Array.of(0.1);
  const solution = known.solution(λ64);
  const w = { x: tf.tensor1d([...solution]) };
  const λ = { x: tf.tensor1d([...λ64]) };
  const X = tf.tensor2d(data.train.X.map((row) => [...row]));
  const y = tf.tensor1d([...data.train.y]);
  const outer = tf.tensor2d(data.validation.X.map((row) => [...row]));
  const outerY = tf.tensor1d([...data.validation.y]);
  const half = (X: tf.Tensor, y: tf.Tensor, w: tf.Tensor) =>
    tf.mul(0.5, tf.mean(tf.square(tf.sub(tf.dot(X, w), y)))) as tf.Scalar;
  const problem: BatchedProblem<Int32Array> = {
    inner: ({ x }: NamedTensors, λ, batch) => {
      const penalty = tf.mul(0.5, tf.sum(tf.mul(λ.x!, tf.square(x!))));
      return tf.add(half(tf.gather(X, batch), tf.gather(y, batch), x!), penalty) as tf.Scalar;
    },
    outer: ({ x }) => half(outer, outerY, x!),
  };
  const stream = random(9);
  const draw = () => Int32Array.from({ length: BATCH }, () => Math.floor(200 * stream.uniform()));
  const scale = 0.25;
  const truth = known.hypergradient(λ64)[0]!;

  const rows: Record<string, number>[] = [];
  for (const terms of TERMS) {
    const how = implicit({ solver: neumann({ terms, scale }), estimate: false });
    const exact = (await hypergradient(known, solution, λ64, how)).value[0]!;
    const mean = async (own: boolean) => {
      const values: number[] = [];
      for (let i = 0; i < DRAWS; i++) {
        const batch = { inner: draw(), outer: new Int32Array(), ...(own && { factors: draw }) };
        const { value, adjoint } = await hypergradient(problem, w, λ, how, { batch });
        values.push((await value.x!.data())[0]!);
        tf.dispose([...Object.values(value), ...Object.values(adjoint)]);
      }
      return statistics(values);
    };
    const [one, own] = [await mean(false), await mean(true)];
    rows.push({
      terms,
      'all samples': exact,
      'one batch': one.mean,
      '± ': one.error,
      'a batch each': own.mean,
      '±': own.error,
    });
  }
  const last = rows[rows.length - 1]!;
  const bar = (column: string, error: string, name: string, color: string) => ({
    x: TERMS,
    y: rows.map((row) => row[column]!),
    error_y: { type: 'data', array: rows.map((row) => 2 * row[error]!) },
    name,
    mode: 'lines+markers',
    line: { color },
  });
  await keepResult('bias', {
    title: 'One batch for all products biases the hypergradient',
    note:
      `Mean of ${DRAWS} draws with its standard error; the closed form is ${truth.toPrecision(4)}. With a batch for ` +
      'each product only the truncation is left; one batch, the more terms, the more bias.',
    rows,
    traces: [
      {
        x: TERMS,
        y: rows.map((row) => row['all samples']!),
        name: 'all samples',
        mode: 'lines',
        line: { color: PALETTE[6]! },
      },
      bar('one batch', '± ', 'one batch', PALETTE[1]!),
      bar('a batch each', '±', 'a batch each', PALETTE[0]!),
    ],
    layout: {
      xaxis: { title: 'terms of the Neumann series', type: 'log' },
      yaxis: { title: 'mean hypergradient' },
    },
    words:
      `With 40 terms the mean over batches of 10 is ${last['one batch']!.toPrecision(3)} ± ${last['± ']!.toPrecision(1)} with one ` +
      `batch, ${last['a batch each']!.toPrecision(3)} ± ${last['±']!.toPrecision(1)} with a batch for each product, and ` +
      `${last['all samples']!.toPrecision(3)} with all samples.`,
  });
}

function statistics(values: number[]) {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const deviations = Float64Array.from(values, (x) => x - mean);
  const variance = float64.dot(deviations, deviations) / (values.length - 1);
  return { mean, error: Math.sqrt(variance / values.length) };
}
