import * as tf from '@tensorflow/tfjs';
// Its import repairs the second derivatives of TensorFlow.js.
import { hvp } from '../../autodiff';
import type { Exercise } from '../exercise';
import { norm, randomMatrix, randomVector } from '../linear';

type Vector = tf.Tensor1D;
type Loss = (w: Vector, lambda: Vector) => tf.Scalar;
type Product = (f: Loss, w: Vector, lambda: Vector, u: Vector) => Vector;

/** A loss that counts its evaluations, and remembers where they were. */
interface CountedLoss extends Loss {
  evaluations: number;
  points: Promise<[w: ArrayLike<number>, lambda: ArrayLike<number>] | undefined>[];
}

function counted(f: Loss): CountedLoss {
  const loss: CountedLoss = Object.assign(
    (w: Vector, lambda: Vector) => {
      loss.evaluations += 1;
      const point = Promise.all([w.data(), lambda.data()]);
      loss.points.push(point.catch(() => undefined));
      return f(w, lambda);
    },
    { evaluations: 0, points: [] },
  );
  return loss;
}

const vector = (values: ArrayLike<number>) => tf.tensor1d(Float32Array.from(values));
/** The gradient of a scalar function of one vector. */
const slope = (s: (x: Vector) => tf.Tensor, x: Vector) =>
  tf.grad((x) => s(x as Vector))(x) as Vector;
const byW = (f: Loss, w: Vector, lambda: Vector) => slope((w) => f(w, lambda), w);
const byLambda = (f: Loss, w: Vector, lambda: Vector) => slope((lambda) => f(w, lambda), lambda);
const dot = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b));

const product: Product = (f, w, lambda, u) =>
  tf.tidy(() => slope((w) => dot(byLambda(f, w, lambda), u), w));

/** `log Σ exp(A w + C λ) + ½ Σ (Dλ)ᵢ wᵢ² + Σ wᵢ³/3`: coupled, and different in w and λ. */
const coupled =
  (seed: number, p: number, m: number): Loss =>
  (w, lambda) =>
    tf.tidy(() => {
      const times = (rows: number, columns: number, offset: number, x: Vector) =>
        tf.reshape(
          tf.matMul(
            tf.tensor2d(randomMatrix(seed + offset, rows, columns)),
            tf.reshape(x, [columns, 1]),
          ),
          [rows],
        );
      const z = tf.add(times(p + 2, p, 0, w), times(p + 2, m, 1, lambda));
      const penalty = dot(times(p, m, 2, lambda), tf.square(w));
      const cubes = dot(w, tf.square(w));
      return tf.add(
        tf.log(tf.sum(tf.exp(z))),
        tf.add(tf.div(penalty, 2), tf.div(cubes, 3)),
      ) as tf.Scalar;
    });

const ahead = (f: Loss, w: Vector, lambda: Vector, u: Vector, epsilon: number) =>
  byW(f, w, tf.add(lambda, tf.mul(epsilon, u)));

const oneSided =
  (epsilon: number): Product =>
  (f, w, lambda, u) =>
    tf.tidy(
      () => tf.div(tf.sub(ahead(f, w, lambda, u, epsilon), byW(f, w, lambda)), epsilon) as Vector,
    );

const probe = (name: string, seed: number, p: number, m: number) => ({
  name,
  args: (): Parameters<Product> => [
    counted(coupled(seed, p, m)),
    vector(randomVector(seed + 3, p, 0.5)),
    vector(randomVector(seed + 4, m, 0.5)),
    vector(randomVector(seed + 5, m)),
  ],
});

export const exercise: Exercise<Product> = {
  id: 'hvp-01',
  lesson: '00',
  title: 'A mixed product by differentiating twice',
  difficulty: 1,
  minutes: 15,
  needs: ['00'],
  reference: product,
  tolerance: 1e-3,
  probes: [
    probe('tall', 10, 5, 3),
    probe('square', 20, 3, 3),
    probe('wide', 30, 2, 6),
    probe('scalar', 40, 1, 1),
  ],
  properties: [
    {
      name: 'evaluates the loss a few times, whatever the sizes are',
      complaint: ({ args: [f, w, lambda] }) =>
        (f as CountedLoss).evaluations > 3
          ? `For ${w.size} weights and ${lambda.size} hyperparameters the loss was evaluated ${(f as CountedLoss).evaluations} times; one evaluation inside two \`tf.grad\`s is enough.`
          : undefined,
    },
    {
      name: 'takes no differences',
      async complaint({ args: [f, w, lambda] }) {
        const [here, there] = [await w.data(), await lambda.data()];
        for (const point of (f as CountedLoss).points) {
          const at = await point;
          if (!at) continue;
          const gap = (a: ArrayLike<number>, b: ArrayLike<number>) =>
            norm(Array.from(a, (x, i) => x - b[i]!));
          const away = Math.hypot(gap(at[0], here), gap(at[1], there));
          if (away > 1e-6) {
            return `The loss was evaluated at a distance of ${away.toPrecision(2)} from $(w, \\lambda)$. The task asks for derivatives there, and for no differences.`;
          }
        }
        return undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'u is missing',
      answer: (f, w, lambda) => tf.tidy(() => slope((w) => tf.sum(byLambda(f, w, lambda)), w)),
      diagnosis:
        'The gradient was summed up as it is and differentiated: that is $B$ times the vector of ones. Which weights belong before the entries of the gradient?',
    },
    {
      name: 'the transposed product',
      answer: (f, w, lambda, u) =>
        tf.tidy(() => slope((lambda) => dot(byW(f, w, lambda), u), lambda)),
      diagnosis:
        'The inner derivative is the one with respect to $w$, the outer one that with respect to $\\lambda$: that is $B^\\top u$, and it fits only where there are as many weights as hyperparameters. Which of the two gradients has the length of $u$?',
    },
    {
      name: 'the Hessian with respect to w',
      answer: (f, w, lambda, u) => tf.tidy(() => slope((w) => dot(byW(f, w, lambda), u), w)),
      diagnosis:
        'Both derivatives are with respect to $w$: this is a product with the Hessian $\\partial^2 f/\\partial w^2$. Here one of them is with respect to $\\lambda$.',
    },
    {
      name: 'the Hessian with respect to λ',
      answer: (f, w, lambda, u) =>
        tf.tidy(() => slope((lambda) => dot(byLambda(f, w, lambda), u), lambda)),
      diagnosis:
        'Both derivatives are with respect to $\\lambda$. The first one is right; the second has to be with respect to $w$, and so the result has as many numbers as $w$.',
    },
    {
      name: 'only one derivative',
      answer: (f, w, lambda) => tf.tidy(() => byW(f, w, lambda)),
      diagnosis:
        'This is the gradient $\\partial f/\\partial w$. How does it change when $\\lambda$ moves along $u$?',
    },
    {
      name: 'a product of two gradients',
      answer: (f, w, lambda, u) =>
        tf.tidy(() => tf.mul(byW(f, w, lambda), dot(byLambda(f, w, lambda), u)) as Vector),
      diagnosis:
        'This is $\\partial_w f\\,(\\partial_\\lambda f^\\top u)$, made of first derivatives only. It has the size of $Bu$, and is something else.',
    },
    {
      name: 'a difference with a step that float32 cannot see',
      answer: oneSided(1e-9),
      diagnosis:
        'The result is 0: in float32, $\\lambda + 10^{-9}u$ is $\\lambda$ again. The task asks for two derivatives, no difference.',
    },
    {
      name: 'a difference with the step 1',
      answer: oneSided(1),
      diagnosis:
        'This is $\\partial_w f(w, \\lambda + u) - \\partial_w f(w, \\lambda)$. It is $Bu$ only where $\\partial_w f$ is linear in $\\lambda$; elsewhere $B$ changes on the way.',
    },
    {
      name: 'a central difference',
      answer: (f, w, lambda, u) =>
        tf.tidy(
          () =>
            tf.div(
              tf.sub(ahead(f, w, lambda, u, 0.01), ahead(f, w, lambda, u, -0.01)),
              0.02,
            ) as Vector,
        ),
      diagnosis:
        'The numbers are right to three digits, which is the most that a difference in float32 can give. The task asks for derivatives: they need no step, and no luck with it.',
      caughtBy: 'takes no differences',
    },
    {
      name: 'the matrix, row by row',
      answer: (f, w, lambda, u) =>
        tf.tidy(() => {
          const rows = Array.from({ length: w.size }, (_, i) =>
            slope((lambda) => tf.squeeze(tf.slice(byW(f, w, lambda), i, 1)), lambda),
          );
          const B = tf.stack(rows) as tf.Tensor2D;
          return tf.squeeze(tf.matMul(B, tf.reshape(u, [-1, 1])), [1]) as Vector;
        }),
      diagnosis:
        'The numbers are right, but every row of $B$ was made by a derivative of its own. One scalar, the sum of all entries of the gradient with the right weights, needs one.',
      caughtBy: 'evaluates the loss a few times, whatever the sizes are',
    },
  ],
  alternatives: [
    {
      name: 'with a dot product',
      answer: (f, w, lambda, u) =>
        tf.tidy(() => slope((w) => tf.dot(byLambda(f, w, lambda), u), w)),
    },
    {
      name: 'as a vector-Jacobian product of the gradient',
      answer: (f, w, lambda, u) =>
        tf.tidy(() => tf.grad((w) => byLambda(f, w as Vector, lambda))(w, u) as Vector),
    },
    {
      name: "with the library's hvp of both arguments",
      answer: (f, w, lambda, u) =>
        tf.tidy(
          () =>
            hvp(
              ({ w, lambda }) => f(w as Vector, lambda as Vector),
              { w, lambda },
              { w: tf.zerosLike(w), lambda: u },
            ).w as Vector,
        ),
    },
    {
      name: 'by the trick of two transposes',
      // y ↦ Bᵀ y is linear; its transpose, applied to u, is B u.
      answer: (f, w, lambda, u) =>
        tf.tidy(() => {
          const pulled = (y: Vector) => slope((lambda) => dot(byW(f, w, lambda), y), lambda);
          return slope((y) => dot(pulled(y), u), tf.zerosLike(w));
        }),
    },
    {
      name: 'with tf.grads',
      answer: (f, w, lambda, u) =>
        tf.tidy(() => {
          const both = tf.grads((w, lambda) => f(w as Vector, lambda as Vector));
          return slope((w) => dot(both([w, lambda])[1]!, u), w);
        }),
    },
  ],
  hints: [
    'A gradient can be taken of a *scalar* only. Make a scalar out of the gradient with respect to $\\lambda$ and $u$ whose derivative with respect to $w$ is what is wanted.',
    '$\\dfrac{\\partial}{\\partial w_i} \\sum_j \\dfrac{\\partial f}{\\partial \\lambda_j} u_j = \\sum_j B_{ij} u_j$: differentiate $\\partial_\\lambda f \\cdot u$ with $u$ held fixed.',
    'A gradient may be taken inside another function that is differentiated:\n```ts\nconst byLambda = (w: tf.Tensor1D) => tf.grad((l) => f(w, l as tf.Tensor1D))(lambda);\nreturn tf.tidy(() => tf.grad((x) => /* a scalar made of byLambda(x) and u */)(w));\n```',
  ],
};
