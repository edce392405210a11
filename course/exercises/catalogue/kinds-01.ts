import * as tf from '@tensorflow/tfjs';
import {
  bilevelProblem,
  cg,
  type ExampleLosses,
  type Examples,
  hypergradient,
  implicit,
  type Kind,
  type NamedTensors,
  onBatches,
  random,
} from 'implicit-lab';
import type { Exercise } from '../exercise';

/** A bilevel problem but for its kind of hyperparameter. */
interface Given {
  losses: ExampleLosses;
  w: NamedTensors;
  /** `{ logits }`, one number a class. */
  λ: NamedTensors;
  train: Examples;
  validation: Examples;
}

/** What the kind leads to. */
interface Tuned {
  /** λ to start from. */
  initial: tf.Tensor;
  /** The training loss at λ. */
  loss: tf.Tensor;
  /** The hypergradient at λ. */
  value: tf.Tensor;
}

type ByClassWeights = (given: Given) => Promise<Tuned>;

/** What follows from a kind. */
async function tuned(
  kindFor: (classes: number) => Kind,
  { losses, w, λ, train, validation }: Given,
): Promise<Tuned> {
  const kind = kindFor(λ.logits!.shape[0]!);
  const problem = onBatches(bilevelProblem(losses, kind), { inner: train, outer: validation });
  const solver = cg({ tolerance: 1e-6 });
  const how = implicit({ solver, estimate: false });
  const { value, adjoint } = await hypergradient(problem, w, λ, how);
  tf.dispose(adjoint);
  return {
    initial: kind.initial(w).logits!,
    loss: tf.tidy(() => kind.loss(losses, w, λ, train)),
    value: value.logits!,
  };
}

type Loss = Kind['loss'];

const kindWith =
  (loss: Loss, start = 0) =>
  (classes: number): Kind => ({
    name: 'classWeights',
    initial: () => ({ logits: tf.fill([classes], start) }),
    loss: (...args) => tf.tidy(() => loss(...args)),
  });

/** The mean of `weights of the classes · losses`. */
const weighted =
  (weightsOf: (logits: tf.Tensor) => tf.Tensor): Loss =>
  (losses, w, λ, batch) =>
    tf.mean(tf.mul(tf.sum(tf.mul(batch.y, weightsOf(λ.logits!)), 1), losses(w, batch)));

const softly = (logits: tf.Tensor) => tf.mul(logits.size, tf.softmax(logits));

/** A linear classifier with a penalty. */
const linearLosses: ExampleLosses = (w, { x, y }) =>
  tf.tidy(() => {
    const z = tf.add(tf.matMul(x as tf.Tensor2D, w.W as tf.Tensor2D), w.b!);
    const size = tf.log(tf.sum(tf.exp(z), 1));
    const penalty = tf.mul(0.1, tf.add(tf.sum(tf.square(w.W!)), tf.sum(tf.square(w.b!))));
    return tf.add(tf.sub(size, tf.sum(tf.mul(y, z), 1)), penalty) as tf.Tensor1D;
  });

function given(
  seed: number,
  { rows, features, classes }: { rows: number; features: number; classes: number },
  spread: number,
): Given {
  const stream = random(seed);
  const normals = (shape: number[], scale = 1) =>
    tf.tensor(
      Float32Array.from(stream.normals(shape.reduce((a, b) => a * b, 1)), (value) => scale * value),
      shape,
    );
  // Classes in unequal numbers, or their weights would hardly matter.
  const examples = (count: number): Examples => ({
    x: normals([count, features]),
    y: tf.tensor2d(
      Array.from({ length: count }, () => {
        const drawn = stream.uniform();
        const label = Math.min(
          classes - 1,
          drawn < 0.6 ? 0 : drawn < 0.85 ? 1 : 2 + Math.floor((drawn - 0.85) * 20),
        );
        return Array.from({ length: classes }, (_, k) => (k === label ? 1 : 0));
      }),
    ),
  });
  return {
    losses: linearLosses,
    w: { W: normals([features, classes], 0.8), b: normals([classes], 0.5) },
    λ: { logits: normals([classes], spread) },
    train: examples(rows),
    validation: examples(rows + 5),
  };
}

export const exercise: Exercise<ByClassWeights> = {
  id: 'kinds-01',
  lesson: '10',
  title: 'A kind of hyperparameter of your own: class weights',
  difficulty: 2,
  minutes: 25,
  needs: ['10'],
  reference: (problem) => tuned(kindWith(weighted(softly)), problem),
  tolerance: 1e-3,
  probes: [
    { name: 'small', args: () => [given(1, { rows: 20, features: 4, classes: 3 }, 0.8)] },
    { name: 'larger', args: () => [given(2, { rows: 40, features: 3, classes: 4 }, 1.2)] },
    { name: 'all weights equal', args: () => [given(3, { rows: 30, features: 5, classes: 2 }, 0)] },
  ],
  fresh: (seed) => [given(seed, { rows: 20, features: 4, classes: 3 }, 0.8)],
  mutants: [
    {
      name: 'weights that do not have the mean 1',
      answer: (problem) => tuned(kindWith(weighted((logits) => tf.exp(logits))), problem),
      diagnosis:
        'The weights are $e^{\\lambda_k}$, without a common scale. All of them together could shrink, and with them the whole loss next to the penalty: that is another hyperparameter. Divide by their mean.',
    },
    {
      name: 'the sum over the examples',
      answer: (problem) =>
        tuned(
          kindWith((losses, w, λ, batch) =>
            tf.sum(tf.mul(tf.sum(tf.mul(batch.y, softly(λ.logits!)), 1), losses(w, batch))),
          ),
          problem,
        ),
      diagnosis:
        'The weighted losses are added up, not averaged: the factor $1/n$ is missing. The hypergradient does not notice, since the solution is the same; the training loss is $n$ times what it should be.',
    },
    {
      name: 'a factor 1/K',
      answer: (problem) => tuned(kindWith(weighted((logits) => tf.softmax(logits))), problem),
      diagnosis:
        'Loss and hypergradient are the right ones divided by $K$. That comes out where the weights add up to 1, so that their mean is $1/K$; or where the sum over the examples is divided by $nK$, the number of entries of `batch.y`. At $\\lambda = 0$ the loss has to be the plain one.',
    },
    {
      name: 'weights cut off from λ',
      answer: (problem) =>
        tuned(
          kindWith(weighted((logits) => softly(tf.tensor1d(logits.dataSync() as Float32Array)))),
          problem,
        ),
      diagnosis:
        'The loss has the right value, but the hypergradient is exactly 0: the numbers of $\\lambda$ were read (`dataSync`, `arraySync`) and made into a new tensor. The tape does not see what happens outside of tensors, so for it the loss does not depend on $\\lambda$. The library would list it in `stats.zero`.',
    },
    {
      name: 'divided by the sum of the weights',
      answer: (problem) =>
        tuned(
          kindWith((losses, w, λ, batch) => {
            const each = tf.sum(tf.mul(batch.y, softly(λ.logits!)), 1);
            return tf.div(tf.sum(tf.mul(each, losses(w, batch))), tf.sum(each));
          }),
          problem,
        ),
      diagnosis:
        'The sum is divided by the weights of the examples instead of by their number. That is a weighted mean, a sensible loss too, but not $\\frac1n\\sum_i c_{y_i}\\ell_i$, and its derivative has another term.',
    },
    {
      name: 'one weight for the whole batch',
      answer: (problem) =>
        tuned(
          kindWith((losses, w, λ, batch) => {
            const weights = tf.sum(tf.mul(tf.mean(batch.y, 0), softly(λ.logits!)));
            return tf.mul(weights, tf.mean(losses(w, batch))) as tf.Scalar;
          }),
          problem,
        ),
      diagnosis:
        'The weights were averaged over the examples before they met the losses. The mean of products is not the product of means; weigh each loss first.',
    },
    {
      name: 'starts from ones',
      answer: (problem) => tuned(kindWith(weighted(softly), 1), problem),
      diagnosis:
        'The loss and the hypergradient are right, but `initial` gives ones. $\\lambda$ holds logits, and logits of 0 are weights of 1. (Ones give the same weights; the task says 0.)',
    },
  ],
  alternatives: [
    {
      name: 'the exponential divided by its mean',
      answer: (problem) =>
        tuned(
          kindWith(
            weighted((logits) => {
              const raised = tf.exp(logits);
              return tf.div(raised, tf.mean(raised));
            }),
          ),
          problem,
        ),
    },
    {
      name: 'gathered by the label',
      answer: (problem) =>
        tuned(
          kindWith((losses, w, λ, batch) => {
            const chosen = tf.gather(softly(λ.logits!), tf.argMax(batch.y, 1));
            return tf.mean(tf.mul(chosen, losses(w, batch)));
          }),
          problem,
        ),
    },
    {
      name: 'as a product of matrices',
      answer: (problem) =>
        tuned(
          kindWith((losses, w, λ, batch) => {
            const n = batch.y.shape[0]!;
            const each = tf.matMul(batch.y as tf.Tensor2D, tf.reshape(softly(λ.logits!), [-1, 1]));
            return tf.div(tf.sum(tf.mul(tf.squeeze(each, [1]), losses(w, batch))), n) as tf.Scalar;
          }),
          problem,
        ),
    },
  ],
  hints: [
    'A kind says two things: where λ starts, and how it enters the training loss. `losses(w, batch)` gives the loss of each example; what is missing is a weight for each of them, made from λ by tensor operations alone.',
    '$c = K \\operatorname{softmax}(\\lambda)$ has the mean 1. With one-hot rows $y_i$ the weight of example $i$ is $\\sum_k y_{ik} c_k$. The loss is $\\frac1n\\sum_i c_{y_i} \\ell_i$.',
    '```ts\ninitial: () => ({ logits: tf.zeros([classes]) }),\nloss(losses, w, λ, batch) {\n  const weights = tf.mul(classes, tf.softmax(λ.logits));\n  const each = tf.sum(tf.mul(batch.y, weights), 1);\n  return // the mean of each · losses\n},\n```',
  ],
};
