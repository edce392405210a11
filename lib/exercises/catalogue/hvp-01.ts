import * as tf from '@tensorflow/tfjs';
import { hvp } from '../../autodiff';
import type { Exercise } from '../exercise';
import { randomMatrix, randomVector } from '../linear';

type Loss = (x: tf.Tensor1D) => tf.Scalar;
type Product = (f: Loss, x: tf.Tensor1D, v: tf.Tensor1D) => tf.Tensor1D;

/** A loss that counts its evaluations. */
interface CountedLoss extends Loss {
  evaluations: number;
}

function counted(f: Loss): CountedLoss {
  const loss: CountedLoss = Object.assign(
    (x: tf.Tensor1D) => {
      loss.evaluations += 1;
      return f(x);
    },
    { evaluations: 0 },
  );
  return loss;
}

const vector = (values: ArrayLike<number>) => tf.tensor1d(Float32Array.from(values));
const gradient = (f: Loss) => (x: tf.Tensor1D) =>
  tf.grad((x) => f(x as tf.Tensor1D))(x) as tf.Tensor1D;
/** The gradient of a scalar function, for functions of one vector. */
const slope = (s: (x: tf.Tensor1D) => tf.Tensor, x: tf.Tensor1D) =>
  tf.grad((x) => s(x as tf.Tensor1D))(x) as tf.Tensor1D;

const product: Product = (f, x, v) =>
  tf.tidy(() => slope((x) => tf.sum(tf.mul(gradient(f)(x), v)), x));

/** `log Σ exp(A x) + Σ xᵢ³/3`: entries that are coupled, third derivatives that are not 0. */
const coupled =
  (seed: number, n: number): Loss =>
  (x) =>
    tf.tidy(() => {
      const z = tf.matMul(tf.tensor2d(randomMatrix(seed, n + 2, n)), tf.reshape(x, [n, 1]));
      const cubes = tf.sum(tf.mul(x, tf.square(x)));
      return tf.add(tf.log(tf.sum(tf.exp(z))), tf.div(cubes, 3)) as tf.Scalar;
    });

const difference = (f: Loss, x: tf.Tensor1D, v: tf.Tensor1D, epsilon: number) =>
  tf.tidy(() => {
    const ahead = gradient(f)(tf.add(x, tf.mul(epsilon, v)));
    return tf.div(tf.sub(ahead, gradient(f)(x)), epsilon) as tf.Tensor1D;
  });

export const exercise: Exercise<Product> = {
  id: 'hvp-01',
  lesson: '00',
  title: 'A Hessian product by differentiating twice',
  difficulty: 1,
  minutes: 15,
  needs: ['00'],
  reference: product,
  tolerance: 1e-3,
  probes: [
    {
      name: 'coupled',
      args: () => [
        counted(coupled(1, 6)),
        vector(randomVector(2, 6, 0.5)),
        vector(randomVector(3, 6)),
      ],
    },
    {
      name: 'diagonal',
      args: () => [
        counted((x) => tf.tidy(() => tf.sum(tf.sin(x)) as tf.Scalar)),
        vector([0.5, -1, 2]),
        vector([1, 3, -2]),
      ],
    },
    {
      name: 'scalar',
      args: () => [
        counted((x) => tf.tidy(() => tf.sum(tf.exp(tf.mul(2, x))) as tf.Scalar)),
        vector([0.3]),
        vector([-0.7]),
      ],
    },
  ],
  properties: [
    {
      name: 'evaluates the loss a few times, whatever n is',
      complaint: ({ args: [f, x] }) =>
        (f as CountedLoss).evaluations > 3
          ? `For $n = ${x.size}$ the loss was evaluated ${(f as CountedLoss).evaluations} times; one evaluation inside of two \`tf.grad\`s is enough.`
          : undefined,
    },
  ],
  mutants: [
    {
      name: 'v is missing',
      answer: (f, x) => tf.tidy(() => slope((x) => tf.sum(gradient(f)(x)), x)),
      diagnosis:
        'The gradient was summed up as it is and differentiated: that is $H$ times the vector of ones. Which weights have to stand before the entries of the gradient?',
    },
    {
      name: 'v comes in after the second derivative',
      answer: (f, x, v) =>
        tf.tidy(
          () =>
            tf.mul(
              slope((x) => tf.sum(gradient(f)(x)), x),
              v,
            ) as tf.Tensor1D,
        ),
      diagnosis:
        'The row sums of $H$ are multiplied by $v$, entry by entry. That is $Hv$ where $H$ is diagonal, as on one of the probes, and nowhere else. $v$ has to be there *before* the second derivative.',
    },
    {
      name: 'only one derivative',
      answer: (f, x, v) => tf.tidy(() => tf.mul(gradient(f)(x), v) as tf.Tensor1D),
      diagnosis:
        'These are the terms of $\\nabla f \\cdot v$: a first derivative. To come to $H$ the sum of them has to be differentiated once more.',
    },
    {
      name: 'g gᵀ instead of the Hessian',
      answer: (f, x, v) =>
        tf.tidy(() => {
          const g = gradient(f)(x);
          return tf.mul(g, tf.sum(tf.mul(g, v))) as tf.Tensor1D;
        }),
      diagnosis:
        'This is $g\\,(g^\\top v)$: the outer product of the gradient with itself. It has the size of a Hessian product, and is made of first derivatives only.',
    },
    {
      name: 'the product with the gradient instead of v',
      answer: (f, x) =>
        tf.tidy(() => slope((x) => tf.div(tf.sum(tf.square(gradient(f)(x))), 2), x)),
      diagnosis:
        'The derivative of $\\tfrac12 g \\cdot g$ is $Hg$. The scalar to differentiate is $g \\cdot v$ with a $v$ that is held fixed.',
    },
    {
      name: 'a difference with a step that float32 cannot see',
      answer: (f, x, v) => difference(f, x, v, 1e-9),
      diagnosis:
        'The result is 0: in float32, $x + 10^{-9}v$ is $x$ again. The task asks for two derivatives, no difference; in float32 a difference needs a step near $10^{-2}$, a central one, and is still only right to some $10^{-5}$.',
    },
    {
      name: 'a difference with the step 1',
      answer: (f, x, v) => difference(f, x, v, 1),
      diagnosis:
        'This is $g(x + v) - g(x)$. It is $Hv$ only where $f$ is quadratic; elsewhere the Hessian changes on the way from $x$ to $x + v$.',
    },
    {
      name: 'the Hessian, row by row',
      answer: (f, x, v) =>
        tf.tidy(() => {
          const rows = Array.from({ length: x.size }, (_, i) =>
            slope((x) => tf.squeeze(tf.slice(gradient(f)(x), i, 1)), x),
          );
          return tf.squeeze(
            tf.matMul(tf.stack(rows) as tf.Tensor2D, tf.reshape(v, [-1, 1])),
            [1],
          ) as tf.Tensor1D;
        }),
      diagnosis:
        'The numbers are right, but every row of $H$ was made by a derivative of its own, $n$ of them. One scalar, the sum of all entries of the gradient with the right weights, needs one.',
      caughtBy: 'evaluates the loss a few times, whatever n is',
    },
  ],
  alternatives: [
    {
      name: "with the library's hvp",
      answer: (f, x, v) => hvp(({ x }) => f(x as tf.Tensor1D), { x }, { x: v }).x,
    },
    {
      name: 'as a vector-Jacobian product of the gradient, H being symmetric',
      answer: (f, x, v) => tf.tidy(() => tf.grad((x) => gradient(f)(x as tf.Tensor1D))(x, v)),
    },
    {
      name: 'with a dot product',
      answer: (f, x, v) => tf.tidy(() => slope((x) => tf.dot(gradient(f)(x), v), x)),
    },
  ],
  hints: [
    'A gradient can be taken of a *scalar* only. Make a scalar out of the gradient and $v$ whose derivative is what is wanted.',
    '$\\dfrac{\\partial}{\\partial x_j} \\sum_i g_i(x)\\, v_i = \\sum_i H_{ji} v_i$: differentiate $g(x) \\cdot v$ with $v$ held fixed.',
    '`tf.grad(f)` is a function that can be called inside of another function that is differentiated:\n```ts\nconst g = tf.grad((x) => f(x as tf.Tensor1D));\nreturn tf.tidy(() => tf.grad((x) => /* a scalar made of g(x) and v */)(x));\n```',
  ],
};
