import * as tf from '@tensorflow/tfjs';
import { softmaxCrossEntropies } from '../../lib/backends';
import {
  bilevel,
  bilevelProblem,
  type ExampleLosses,
  type Examples,
  evaluate,
  implicit,
  type Model,
  markOutput,
  mlp,
  mnist,
  type NamedTensors,
  neumann,
  onBatches,
  PALETTE,
  perWeightL2,
  progress,
  subset,
  toTensors,
} from './library';
import { keepResult } from './results';

/** What differs from network to network. */
interface Settings {
  name: string;
  sizes: number[];
  /** Terms of the Neumann series. */
  terms: number;
  /** How often the accuracies are looked at, in outer steps. */
  every: number;
  most: number;
  /** The rate of the inner Adam. */
  rate: number;
}

/** The linear classifier of the paper: 7,850 penalties. */
export const overfitLinear = () =>
  overfit({
    name: 'overfit-linear',
    sizes: [784, 10],
    terms: 20,
    every: 25,
    most: 3000,
    rate: 1e-4,
  });

/** A hidden layer of 64: 50,890 penalties. */
export const overfitMlp = () =>
  overfit({
    name: 'overfit-mlp',
    sizes: [784, 64, 10],
    terms: 20,
    every: 25,
    most: 3000,
    rate: 1e-4,
  });

/** Two hidden layers, 1024 and 256: 1,068,810 penalties. */
export const overfitMillion = () =>
  overfit({
    name: 'overfit-million',
    sizes: [784, 1024, 256, 10],
    terms: 5,
    every: 10,
    most: 1000,
    rate: 1e-4,
  });

/**
 * Overfitting a validation set by its penalties: 50 + 50 digits of MNIST, a penalty for each weight
 * from exp(−4). Adam (1e-4) inside, RMSprop (1e-2) outside, 5 inner steps an outer step, Neumann
 * series on Gauss–Newton (for the linear model the Hessian), until both sets are classified without
 * error.
 *
 * Peer: [Lorraine et al. 2020](https://arxiv.org/abs/1911.02590): both accuracies reach 1 with as many
 * hyperparameters as weights, while the test error stays.
 */
async function overfit({ name, sizes, terms, every, most, rate }: Settings): Promise<void> {
  const { train, test } = mnist();
  const digits = subset(train, 100, 1);
  const half = (from: number): Examples =>
    toTensors({
      images: digits.images.slice(from * 784, (from + 50) * 784),
      labels: digits.labels.slice(from, from + 50),
      count: 50,
    });
  const [inner, outer, unseen] = [half(0), half(50), toTensors(subset(test, 1000, 2))];
  const model = mlp({ sizes, activation: 'relu' });
  const losses: ExampleLosses = (w, { x, y }) =>
    softmaxCrossEntropies(y, markOutput(model.predict(w, x))) as tf.Tensor1D;
  const kind = perWeightL2({ initial: -4 });
  const w = sizes.length === 2 ? zeros(model) : model.init(1);
  const count = Object.values(w).reduce((sum, { size }) => sum + size, 0);
  const bar = progress(most, name);
  const run = bilevel(onBatches(bilevelProblem(losses, kind), { inner, outer }), {
    w,
    λ: kind.initial(w),
    inner: { optimizer: tf.train.adam(rate), steps: 5 },
    outer: { optimizer: tf.train.rmsprop(1e-2) },
    how: implicit({
      solver: neumann({ terms }),
      curvature: 'gauss-newton',
      estimate: false,
    }),
    steps: most,
  });
  const began = performance.now();
  const path: Seen[] = [];
  for await (const { step, status } of run) {
    if (step % every !== 0 && step !== 1) continue;
    const [training, validation, testing] = [
      await evaluate(model, run.w, inner as Pixels),
      await evaluate(model, run.w, outer as Pixels),
      await evaluate(model, run.w, unseen),
    ];
    const seconds = (performance.now() - began) / 1000;
    path.push({ step, training, validation, testing, seconds });
    const accuracies = [training, validation, testing].map(({ accuracy }) => accuracy.toFixed(3));
    bar.update(step, `${accuracies.join(' ')} ${status}`);
    if (process.env.LOG) console.log(step, accuracies.join(' '), status, seconds.toFixed(0));
    if (training.accuracy >= 0.999 && validation.accuracy >= 0.999) break;
  }
  bar.end();
  run.dispose();
  await report(name, count, path, terms);
}

type Pixels = { x: tf.Tensor; y: tf.Tensor };

const zeros = (model: Model): NamedTensors =>
  Object.fromEntries(Object.entries(model.init(1)).map(([name, x]) => [name, tf.zerosLike(x)]));

interface Seen {
  step: number;
  training: { loss: number; accuracy: number };
  validation: { loss: number; accuracy: number };
  testing: { loss: number; accuracy: number };
  seconds: number;
}

async function report(name: string, count: number, path: Seen[], terms: number): Promise<void> {
  const last = path[path.length - 1]!;
  const shown = path.filter(
    (_, i) => i === 0 || i === path.length - 1 || i % Math.ceil(path.length / 8) === 0,
  );
  const steps = path.map(({ step }) => step);
  const [blue, vermilion, grey] = [PALETTE[0]!, PALETTE[1]!, PALETTE[6]!];
  const line = (label: string, color: string, of: (seen: Seen) => number) => ({
    x: steps,
    y: path.map(of),
    name: label,
    mode: 'lines',
    line: { color },
  });
  await keepResult(name, {
    title: `Overfitting 50 validation digits by ${count.toLocaleString('en')} penalties`,
    note: `Peer (Lorraine et al. 2020): training and validation accuracy reach 1. ${terms} Neumann terms.`,
    rows: shown.map(({ step, training, validation, testing, seconds }) => ({
      'outer step': step,
      'training loss': training.loss,
      'validation loss': validation.loss,
      training: training.accuracy,
      validation: validation.accuracy,
      test: testing.accuracy,
      seconds,
    })),
    traces: [
      line('training', blue, ({ training }) => training.accuracy),
      line('validation', vermilion, ({ validation }) => validation.accuracy),
      line('test', grey, ({ testing }) => testing.accuracy),
    ],
    layout: {
      xaxis: { title: 'outer step' },
      yaxis: { title: 'accuracy', range: [0, 1.03] },
    },
    labels: 'ends',
    words:
      `Accuracy by outer step: after ${last.step} steps the training digits are right to ` +
      `${last.training.accuracy.toFixed(3)}, the validation digits, which only the penalties see, ` +
      `to ${last.validation.accuracy.toFixed(3)}, and 1,000 test digits to ${last.testing.accuracy.toFixed(3)}.`,
  });
}
