import * as tf from '@tensorflow/tfjs';
import { gaussNewton, hessian, linearize, valueAndGradient } from '../../lib/autodiff';
import { type BackendName, softmaxCrossEntropy, useBackend } from '../../lib/backends';
import { cnn, type Model, mlp, rnn } from '../../lib/models';
import { mapTensors, type NamedTensors } from '../../lib/spaces';
import { record } from '../measurements';

const cases: { name: string; model: Model; batch: number }[] = [
  { name: 'MLP 784-200-10', model: mlp({ sizes: [784, 200, 10], activation: 'relu' }), batch: 128 },
  { name: 'MLP 784-200-10', model: mlp({ sizes: [784, 200, 10], activation: 'relu' }), batch: 512 },
  { name: 'CNN 8-16', model: cnn({ filters: [8, 16] }), batch: 32 },
  { name: 'RNN 28 steps', model: rnn(), batch: 128 },
];

const rounds = 21;
const warmUps = 3;
/** Rounds of the contenders that make twenty products. */
const longRounds = 11;

/**
 * What a product costs, in gradients of the same loss on the same backend.
 *
 * Each round times every contender once, one after the other, so that what else the machine does
 * meets them all; it runs each once before, so that what the one before left in the caches does not.
 * The medians over the rounds are printed, and the median of the ratio to the first, the gradient of
 * TensorFlow.js (`tf.valueAndGrads`), of the same round.
 *
 * @param args backend (default 'wasm'), threads, and a part of the names of the cases to run:
 *   `wasm 4 CNN`
 */
export async function run(args: string[]): Promise<void> {
  const [name = 'wasm', threads, only = ''] = args;
  const report = await useBackend(name as BackendName, threads ? { threads: Number(threads) } : {});
  console.log(`${report.name}, ${report.device}, ${report.threads} threads`);
  for (const { name, model, batch } of cases.filter(({ name }) => name.includes(only))) {
    const { short, long } = contenders(model, batch);
    const times = measure(short, rounds);
    console.log(`\n${name}, batch ${batch}`);
    console.table(await withKernels(summary(times), short));
    const longTimes = measure(long, longRounds);
    console.table(summary(longTimes));
    for (const [what, each] of Object.entries({ ...times, ...longTimes })) {
      record(`${name}, ${batch}: ${what}`, each);
    }
  }
}

type Contenders = Record<string, () => void>;

function contenders(model: Model, batch: number): { short: Contenders; long: Contenders } {
  const input = tf.randomUniform([batch, 784], 0, 1, 'float32', 1);
  const classes = tf.cast(tf.randomUniform([batch], 0, 10, 'int32', 2), 'int32');
  const labels = tf.cast(tf.oneHot(classes, 10), 'float32');
  const x = model.init(3);
  const v = mapTensors(x, ({ shape }) => tf.randomNormal(shape, 0, 1, 'float32', 4));
  const predict = (x: NamedTensors) => model.predict(x, input);
  const loss = (z: tf.Tensor) => softmaxCrossEntropy(labels, z);
  const whole = (x: NamedTensors) => loss(predict(x));

  const list = Object.values(x);
  const byList = (...values: tf.Tensor[]) =>
    whole(Object.fromEntries(Object.keys(x).map((name, i) => [name, values[i]!])));
  const tfGradient = tf.valueAndGrads(byList);
  const naive = (...values: tf.Tensor[]) =>
    tf.addN(
      tf
        .grads(byList)(values)
        .map((g, i) => tf.sum(tf.mul(g, Object.values(v)[i]!))),
    ) as tf.Scalar;
  const naiveHessian = tf.grads(naive);

  const H = hessian(whole, x);
  const G = gaussNewton({ predict, loss }, x);
  const J = linearize(predict, x);
  const u = J.jvp(v);
  const twenty = (record: () => ReturnType<typeof hessian>) => () => {
    const C = record();
    for (let i = 0; i < 20; i++) tf.dispose(C.apply(v));
    C.dispose();
  };
  return {
    short: {
      gradient: () => tf.dispose(tfGradient(list)),
      valueAndGradient: () => tf.dispose({ ...valueAndGradient(whole, x) }),
      'Hessian product, tf.grads twice': () => tf.dispose(naiveHessian(list)),
      'Hessian product': () => tf.dispose(H.apply(v)),
      'Gauss–Newton product': () => tf.dispose(G.apply(v)),
      'J v': () => tf.dispose(J.jvp(v)),
      'Jᵀ u': () => tf.dispose(J.vjp(u)),
      'recording a Hessian': () => hessian(whole, x).dispose(),
    },
    long: {
      '20 gradients': () => {
        for (let i = 0; i < 20; i++) tf.dispose(tfGradient(list));
      },
      'recording, 20 Hessian products': twenty(() => hessian(whole, x)),
      'recording, 20 Gauss–Newton products': twenty(() => gaussNewton({ predict, loss }, x)),
    },
  };
}

function measure(contenders: Contenders, count: number): Record<string, number[]> {
  const times: Record<string, number[]> = {};
  for (let round = -warmUps; round < count; round++) {
    for (const [name, f] of Object.entries(contenders)) {
      f();
      const start = performance.now();
      f();
      const time = performance.now() - start;
      if (round >= 0) times[name] = [...(times[name] ?? []), time];
    }
  }
  return times;
}

function summary(times: Record<string, number[]>) {
  const [yardstick] = Object.values(times);
  return Object.fromEntries(
    Object.entries(times).map(([name, each]) => [
      name,
      {
        milliseconds: Number(median(each).toFixed(2)),
        'of the first': Number(median(each.map((time, i) => time / yardstick![i]!)).toFixed(2)),
      },
    ]),
  );
}

/** The table with the number of kernels that each contender runs. */
async function withKernels(rows: ReturnType<typeof summary>, contenders: Contenders) {
  const counted: Record<string, object> = {};
  for (const [name, row] of Object.entries(rows)) {
    const { kernels } = await tf.profile(() => contenders[name]!());
    counted[name] = { ...row, kernels: kernels.length };
  }
  return counted;
}

const median = (values: number[]) =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
