import * as tf from '@tensorflow/tfjs';
import { softmaxCrossEntropies } from '../../lib/backends';
import {
  augmentation,
  type BatchedProblem,
  bilevel,
  cg,
  type ExampleLosses,
  type Examples,
  evaluate,
  implicit,
  markOutput,
  mlp,
  mnist,
  type NamedTensors,
  PALETTE,
  progress,
  subset,
  toTensors,
  WARPS,
  warp,
  warpNoise,
} from './library';
import { keepResult } from './results';

const STEPS = 200;
const TRAIN = 200;
const START = Math.log(0.02);
const PENALTY = 1e-3;

/**
 * Augmentation that is learned: how strongly to turn, scale, shear, stretch and shift each of 200 digits
 * at random, so that a network (64 units) does well on 1,000 others. Six hyperparameters, from a
 * strength of .02. Adam (.003) inside, 10 steps of 200 digits an outer step, Gauss–Newton, CG of 20
 * iterations; Adam (.05) outside. New noise in every step; the test is 10,000 digits.
 *
 * Peers: [Lorraine et al. 2020](https://arxiv.org/abs/1911.02590) and
 * [anh-tong/hyper-opt](https://github.com/anh-tong/hyper-opt) learn a U-Net instead; the latter reports
 * .968 on the MNIST test set with it and about .96 without, from all of MNIST.
 */
export async function augmentTable(): Promise<void> {
  const { train, test } = mnist();
  const digits = subset(train, TRAIN + 1000, 5);
  const cut = (from: number, count: number) =>
    toTensors({
      images: digits.images.slice(784 * from, 784 * (from + count)),
      labels: digits.labels.slice(from, from + count),
      count,
    });
  const [inner, outer, unseen] = [cut(0, TRAIN), cut(TRAIN, 1000), toTensors(test)];
  const model = mlp({ sizes: [784, 64, 10], activation: 'tanh' });
  const losses: ExampleLosses = (w, { x, y }) =>
    softmaxCrossEntropies(y, markOutput(model.predict(w, x))) as tf.Tensor1D;

  const path = await learn();
  const learned = path[path.length - 1]!.λ;
  const [without, small, own] = [
    await trained(undefined),
    await trained(WARPS.map(() => START)),
    await trained(learned),
  ];
  await keepResult('augmentation', {
    title: 'Learning how far digits may be moved',
    note:
      `A new network, 3,000 steps on the same 200 digits, right of 10,000 test digits: not moved ` +
      `${without.toFixed(3)}, moved as at first ${small.toFixed(3)}, as learned ${own.toFixed(3)}. ` +
      'Peer (all of MNIST, a U-Net): .968 with, about .96 without.',
    rows: path
      .filter(({ step }) => step === 1 || step % 50 === 0)
      .map(({ step, loss, accuracy, λ }) => ({
        'outer step': step,
        'validation loss': loss,
        'test accuracy': accuracy,
        ...Object.fromEntries(WARPS.map((move, k) => [move, Math.exp(λ[k]!)])),
      })),
    traces: WARPS.map((move, k) => ({
      x: path.map(({ step }) => step),
      y: path.map(({ λ }) => Math.exp(λ[k]!)),
      name: move,
      mode: 'lines',
      line: { color: PALETTE[k]! },
    })),
    layout: {
      xaxis: { title: 'outer step' },
      yaxis: { title: 'strength (half a picture = 1)', rangemode: 'tozero' },
    },
    labels: 'ends',
    words:
      `The six strengths by outer step, from .02 each to ${WARPS.map(
        (move, k) => `${move} ${Math.exp(learned[k]!).toFixed(3)}`,
      ).join(
        ', ',
      )}. Test accuracy of a new network: ${without.toFixed(3)} without, ${own.toFixed(3)} with ` +
      'the learned augmentation.',
  });

  function problemOf(): BatchedProblem<Batch> {
    const kindOf = (seed: number) =>
      augmentation({
        transform(x, λ) {
          const noise = warpNoise(x.shape[0]!, seed);
          const moved = warp(x, tf.exp(λ.strength!), noise);
          noise.dispose();
          return moved;
        },
        initial: () => ({ strength: tf.fill([WARPS.length], START) }),
      });
    const penalty = (w: NamedTensors) =>
      tf.mul(PENALTY / 2, tf.addN(Object.values(w).map((value) => tf.sum(tf.square(value)))));
    return {
      inner: (w, λ, { examples, seed }) =>
        tf.add(kindOf(seed).loss(losses, w, λ, examples), penalty(w)) as tf.Scalar,
      outer: (w, _, { examples }) => tf.mean(losses(w, examples)),
    };
  }

  async function learn() {
    const λ = { strength: tf.fill([WARPS.length], START) };
    const bar = progress(STEPS, 'augmentation');
    const run = bilevel(problemOf(), {
      w: model.init(1),
      λ,
      batches: {
        inner: (t) => ({ examples: inner, seed: t }),
        outer: () => ({ examples: outer, seed: 0 }),
        curvature: (k) => ({ examples: inner, seed: 1e6 + k }),
      },
      inner: { optimizer: tf.train.adam(3e-3), steps: 10 },
      outer: { optimizer: tf.train.adam(0.05) },
      how: implicit({
        solver: cg({ maxIterations: 20, tolerance: 1e-3, best: 'energy' }),
        curvature: 'gauss-newton',
        estimate: false,
      }),
      steps: STEPS,
      progress: bar,
    });
    const path = [];
    for await (const { step, outerLoss } of run) {
      if (step !== 1 && step % 10 !== 0) continue;
      const { accuracy } = await evaluate(model, run.w, unseen);
      const λ = [...(await run.λ.strength!.data())];
      if (process.env.LOG)
        console.log(step, outerLoss, accuracy, λ.map((x) => Math.exp(x).toFixed(3)).join(' '));
      path.push({ step, loss: outerLoss, accuracy, λ });
    }
    run.dispose();
    return path;
  }

  /** The test accuracy of a new network, trained on digits that are moved so far, or not at all. */
  async function trained(strengths: number[] | undefined): Promise<number> {
    const w = Object.fromEntries(
      Object.entries(model.init(2)).map(([name, x]) => [name, tf.variable(x)]),
    ) as Record<string, tf.Variable>;
    const λ = { strength: tf.tensor1d(strengths ?? WARPS.map(() => -100)) };
    const problem = problemOf();
    const optimizer = tf.train.adam(3e-3);
    for (let t = 1; t <= 3000; t++) {
      const f = () => problem.inner(w, λ, { examples: inner, seed: 2e6 + t });
      optimizer.minimize(f, false, Object.values(w));
    }
    return (await evaluate(model, w, unseen)).accuracy;
  }
}

interface Batch {
  examples: Examples;
  /** Of the noise. */
  seed: number;
}
