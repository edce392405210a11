const text = (source: string) => ({ cell_type: 'markdown', metadata: {}, source });
const code = (source: string) => ({
  cell_type: 'code',
  execution_count: null,
  metadata: {},
  outputs: [],
  source,
});

/** The cells of a new notebook: a small bilevel problem that runs as it is, to be replaced by one's own. */
export const studyCells = (name: string) => [
  text(`# ${name}

A notebook of your own. *Run → Run All Cells* finds out which of twenty features matter, by the derivative of the validation loss with respect to $p = 20$ penalties; then put your own problem in its place.

The inner problem fits weights $w$ with a penalty $e^{\\lambda_i}$ on each, the outer one judges them on data they have not seen:

$$ w^*(\\lambda) = \\operatorname{argmin}_w \\; \\tfrac1n \\lVert X w - y \\rVert^2 + \\tfrac1p \\sum_{i=1}^p e^{\\lambda_i} w_i^2, \\qquad \\min_\\lambda \\; \\tfrac1m \\lVert X_v w^*(\\lambda) - y_v \\rVert^2 . $$`),
  code(`import * as tf from '@tensorflow/tfjs';
import { bilevel, cg, implicit, implicitSGD, type NamedTensors, useBackend } from 'implicit-lab';
import { figure, progress } from 'implicit-lab-course';

await useBackend()`),
  text(`## The data

Of twenty features only the first five have an effect.`),
  code(`const FEATURES = 20;
const effect = tf.tensor2d(Array.from({ length: FEATURES }, (_, i) => [i < 5 ? 1 : 0]));

function data(samples: number, seed: number) {
  const X = tf.randomNormal([samples, FEATURES], 0, 1, 'float32', seed);
  const noise = tf.randomNormal([samples, 1], 0, 1, 'float32', seed + 1);
  return { X, y: tf.add(tf.matMul(X, effect), noise) };
}

const train = data(40, 1);
const validation = data(200, 3);`),
  text('## The problem, and its solution by hypergradients'),
  code(`const error = ({ w }: NamedTensors, { X, y }: { X: tf.Tensor; y: tf.Tensor }) =>
  tf.mean(tf.square(tf.sub(tf.matMul(X, w), y))) as tf.Scalar;

const problem = {
  inner: (w: NamedTensors, { λ }: NamedTensors) =>
    tf.add(error(w, train), tf.mean(tf.mul(tf.exp(λ), tf.square(w.w)))) as tf.Scalar,
  outer: (w: NamedTensors) => error(w, validation),
};

const steps = 40;
const run = bilevel(problem, {
  w: { w: tf.zeros([FEATURES, 1]) },
  λ: { λ: tf.zeros([FEATURES, 1]) },
  // Growing penalties make the inner problem stiff; an implicit step remains stable.
  inner: { optimizer: implicitSGD(10, { solver: cg({ maxIterations: 20 }) }), steps: 3 },
  outer: { optimizer: tf.train.adam(0.5) },
  how: implicit({ solver: cg({ tolerance: 1e-5 }) }),
  steps,
  progress: progress(steps, 'outer steps'),
});

const losses: number[] = [];
for await (const { outerLoss } of run) losses.push(outerLoss);
losses[losses.length - 1]`),
  code(`const weights = Array.from(await run.w.w.data());

await figure(
  [{ type: 'bar', x: weights.map((_, i) => i + 1), y: weights }],
  { xaxis: { title: 'feature' }, yaxis: { title: 'weight' } },
  {
    words:
      \`The weights after \${steps} outer steps. Largest of features 1 to 5: \` +
      \`\${Math.max(...weights.slice(0, 5)).toFixed(2)}; of the others, in size: \` +
      \`\${Math.max(...weights.slice(5).map(Math.abs)).toFixed(2)}.\`,
  },
);`),
];
