import * as tf from '@tensorflow/tfjs';
import { softmaxCrossEntropies } from '../../lib/backends';
import {
  bilevel,
  bilevelProblem,
  type ExampleLosses,
  type Examples,
  implicit,
  mnist,
  neumann,
  onBatches,
  perWeightL2,
  subset,
  toTensors,
} from './library';
import { printTable } from './table';

const MOST_STEPS = 3000;

/**
 * Overfitting a validation set by its penalties: 50 + 50 digits of MNIST, a linear classifier, a
 * penalty for each of its 7,850 weights, from exp(−4). Adam (1e-4) inside, RMSprop (1e-2) outside,
 * 5 inner steps an outer step, 20 Neumann terms, until both sets are classified without error.
 *
 * Peer: Lorraine, Vicol & Duvenaud 2020, §5.1: both accuracies reach 1 with as many
 * hyperparameters as weights, while the test error stays.
 */
export async function overfitTable(): Promise<void> {
  const { train, test } = mnist();
  const digits = subset(train, 100, 1);
  const half = (from: number): Examples =>
    toTensors({
      images: digits.images.slice(from * 784, (from + 50) * 784),
      labels: digits.labels.slice(from, from + 50),
      count: 50,
    });
  const [inner, outer, unseen] = [half(0), half(50), toTensors(subset(test, 1000, 2))];
  const logits = (w: Record<string, tf.Tensor>, x: tf.Tensor) =>
    tf.add(tf.matMul(x as tf.Tensor2D, w.W as tf.Tensor2D), w.b!);
  const losses: ExampleLosses = (w, { x, y }) =>
    softmaxCrossEntropies(y, logits(w, x)) as tf.Tensor1D;
  const kind = perWeightL2({ initial: -4 });
  const w = { W: tf.zeros([784, 10]), b: tf.zeros([10]) };
  const run = bilevel(onBatches(bilevelProblem(losses, kind), { inner, outer }), {
    w,
    λ: kind.initial(w),
    inner: { optimizer: tf.train.adam(1e-4), steps: 5 },
    outer: { optimizer: tf.train.rmsprop(1e-2) },
    how: implicit({ solver: neumann({ terms: 20 }), estimate: false }),
    steps: MOST_STEPS,
  });
  const accuracy = ({ x, y }: Examples) =>
    tf.tidy(
      () =>
        tf
          .mean(tf.cast(tf.equal(tf.argMax(logits(run.w, x), 1), tf.argMax(y, 1)), 'float32'))
          .dataSync()[0]!,
    );
  const rows = [];
  const began = performance.now();
  for await (const { step, innerLoss, outerLoss } of run) {
    if (step % 50 !== 0) continue;
    const [training, validation] = [accuracy(inner), accuracy(outer)];
    const done = (training >= 0.999 && validation >= 0.999) || step === MOST_STEPS;
    if (done || step === 50 || step % 500 === 0) {
      rows.push({
        'outer step': step,
        'training loss': innerLoss,
        'validation loss': outerLoss,
        training,
        validation,
        test: accuracy(unseen),
        seconds: (performance.now() - began) / 1000,
      });
    }
    if (done) break;
  }
  run.dispose();
  printTable(
    'Overfitting 50 validation digits by 7,850 penalties',
    'Peer: both accuracies reach 1. The test accuracy stays behind: the penalties fit these 50 digits.',
    rows,
  );
}
