import * as tf from '@tensorflow/tfjs';
import { hvp } from 'implicit-lab';
// Its import repairs the second derivatives of TensorFlow.js.
import type { Exercise } from '../exercise';
import { norm, randomMatrix, randomVector } from '../linear';

type Vector = tf.Tensor1D;
type Map = (w: Vector) => Vector;
type Product = (F: Map, w: Vector, u: Vector) => Vector;

/** A function that counts its evaluations, and remembers where they were. */
interface CountedMap extends Map {
  evaluations: number;
  points: Promise<ArrayLike<number> | undefined>[];
}

function counted(F: Map): CountedMap {
  const map: CountedMap = Object.assign(
    (w: Vector) => {
      map.evaluations += 1;
      map.points.push(w.data().catch(() => undefined));
      return F(w);
    },
    { evaluations: 0, points: [] },
  );
  return map;
}

const vector = (values: ArrayLike<number>) => tf.tensor1d(Float32Array.from(values));
const dot = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b)) as tf.Scalar;
/** The gradient of a scalar function of one vector. */
const slope = (s: (x: Vector) => tf.Tensor, x: Vector) =>
  tf.grad((x) => s(x as Vector))(x) as Vector;
/** `Jᵀ y`. */
const pulled = (F: Map, w: Vector, y: Vector) => slope((w) => dot(F(w), y), w);

/** `y ↦ Jᵀ y` is linear; the gradient of `(Jᵀ y)ᵀ u` with respect to y is J u, at every y. */
const product: Product = (F, w, u) =>
  tf.tidy(() => slope((y) => dot(pulled(F, w, y), u), tf.zerosLike(F(w))));

/** `tanh(A w) + (C w)² / 2`: m numbers of p. */
const curved =
  (seed: number, p: number, m: number): Map =>
  (w) =>
    tf.tidy(() => {
      const times = (offset: number) =>
        tf.reshape(
          tf.matMul(tf.tensor2d(randomMatrix(seed + offset, m, p)), tf.reshape(w, [p, 1])),
          [m],
        );
      return tf.add(tf.tanh(times(0)), tf.div(tf.square(times(1)), 2)) as Vector;
    });

const oneSided =
  (epsilon: number): Product =>
  (F, w, u) =>
    tf.tidy(() => tf.div(tf.sub(F(tf.add(w, tf.mul(epsilon, u))), F(w)), epsilon) as Vector);

const probe = (name: string, seed: number, p: number, m: number) => ({
  name,
  args: (): Parameters<Product> => [
    counted(curved(seed, p, m)),
    vector(randomVector(seed + 3, p, 0.5)),
    vector(randomVector(seed + 4, p)),
  ],
});

export const exercise: Exercise<Product> = {
  id: 'hvp-01',
  lesson: '00',
  title: 'A product with a Jacobian, by gradients alone',
  difficulty: 2,
  minutes: 20,
  needs: ['00'],
  reference: product,
  tolerance: 1e-3,
  probes: [
    probe('tall', 10, 3, 5),
    probe('square', 20, 4, 4),
    probe('wide', 30, 6, 2),
    probe('scalar', 40, 1, 1),
  ],
  fresh: (seed) => probe('', seed, 4, 3).args(),
  properties: [
    {
      name: 'evaluates F a few times, whatever the sizes are',
      complaint: ({ args: [F, w], result }) =>
        (F as CountedMap).evaluations > 3
          ? `For ${w.size} inputs and ${result.size} outputs $F$ was evaluated ${(F as CountedMap).evaluations} times. One evaluation inside two \`tf.grad\`s is enough, and one more to see how many outputs there are.`
          : undefined,
    },
    {
      name: 'takes no differences',
      async complaint({ args: [F, w] }) {
        const here = await w.data();
        for (const point of (F as CountedMap).points) {
          const at = await point;
          if (!at) continue;
          const away = norm(Array.from(at, (x, i) => x - here[i]!));
          if (away > 1e-6) {
            return `$F$ was evaluated at a distance of ${away.toPrecision(2)} from $w$. The task asks for derivatives there, and for no differences.`;
          }
        }
        return undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the transposed product',
      answer: (F, w, u) => tf.tidy(() => pulled(F, w, u)),
      diagnosis:
        'The gradient of $F(w)\\cdot u$ is $J^\\top u$, which fits only where there are as many outputs as inputs. It is what one gradient gives; $J u$ needs a second one. $J^\\top y$ is linear in $y$: what is its derivative?',
    },
    {
      name: 'u is missing',
      answer: (F, w) => tf.tidy(() => slope((y) => tf.sum(pulled(F, w, y)), tf.zerosLike(F(w)))),
      diagnosis:
        'The entries of $J^\\top y$ are added up as they are before the second derivative: that is $J$ times the vector of ones. Which weights belong before them?',
    },
    {
      name: 'the gradient of the sum',
      answer: (F, w) => tf.tidy(() => slope((w) => tf.sum(F(w)), w)),
      diagnosis:
        'This is the gradient of the sum of all outputs, $J^\\top$ times the vector of ones, and $u$ does not occur in it.',
    },
    {
      name: 'the Hessian of the sum',
      answer: (F, w, u) =>
        tf.tidy(() =>
          slope(
            (w) =>
              dot(
                slope((w) => tf.sum(F(w)), w),
                u,
              ),
            w,
          ),
        ),
      diagnosis:
        "These are the lesson's two lines: the Hessian of the sum of all outputs, times $u$. Both derivatives are with respect to $w$ there. $J$ is a *first* derivative: the second gradient has to be with respect to something in which $J^\\top y$ is linear.",
    },
    {
      name: 'the product with J and then with its transpose',
      answer: (F, w, u) => tf.tidy(() => pulled(F, w, product(F, w, u))),
      diagnosis: 'This is $J^\\top J u$, as many numbers as there are inputs: a product too many.',
    },
    {
      name: 'the derivative along the outputs themselves',
      answer: (F, w, u) =>
        tf.tidy(
          () =>
            tf.mul(
              F(w),
              dot(
                slope((w) => tf.sum(F(w)), w),
                u,
              ),
            ) as Vector,
        ),
      diagnosis:
        'The outputs are multiplied by one number, the derivative of their sum along $u$. Each output has a derivative of its own along $u$.',
    },
    {
      name: 'a difference with a step that float32 cannot see',
      answer: oneSided(1e-9),
      diagnosis:
        'The result is 0: in float32, $w + 10^{-9}u$ is $w$ again. The task asks for derivatives, no difference.',
    },
    {
      name: 'a difference with the step 1',
      answer: oneSided(1),
      diagnosis:
        'This is $F(w + u) - F(w)$. It is $Ju$ only where $F$ is linear; elsewhere $J$ changes on the way.',
    },
    {
      name: 'a central difference',
      answer: (F, w, u) =>
        tf.tidy(() => {
          const at = (t: number) => F(tf.add(w, tf.mul(t, u)));
          return tf.div(tf.sub(at(0.005), at(-0.005)), 0.01) as Vector;
        }),
      diagnosis:
        'The numbers are right to three digits, which is about the most that a difference in float32 can give. The task asks for derivatives: they need no step, and no luck with it.',
      caughtBy: 'takes no differences',
    },
    {
      name: 'the Jacobian, row by row',
      answer: (F, w, u) =>
        tf.tidy(() => {
          const outputs = Array.from({ length: F(w).size }, (_, k) => k);
          const each = outputs.map((k) =>
            dot(
              slope((w) => tf.squeeze(tf.slice(F(w), k, 1)), w),
              u,
            ),
          );
          return tf.stack(each) as Vector;
        }),
      diagnosis:
        'The numbers are right, but every row of $J$ was made by a gradient of its own. $J^\\top y$ is one gradient for all outputs together; differentiate it with respect to $y$.',
      caughtBy: 'evaluates F a few times, whatever the sizes are',
    },
  ],
  alternatives: [
    {
      name: 'at y = 1, by dot products',
      answer: (F, w, u) =>
        tf.tidy(() =>
          slope(
            (y) =>
              tf.dot(
                slope((w) => tf.dot(F(w), y), w),
                u,
              ),
            tf.onesLike(F(w)),
          ),
        ),
    },
    {
      name: 'by the vector that tf.grad takes for the outputs',
      answer: (F, w, u) =>
        tf.tidy(() => {
          const pull = (y: tf.Tensor) => tf.grad((w) => F(w as Vector))(w, y);
          return tf.grad(pull)(tf.zerosLike(F(w)), u) as Vector;
        }),
    },
    {
      name: "with the library's hvp of F(w)·y",
      answer: (F, w, u) =>
        tf.tidy(() => {
          const y = tf.zerosLike(F(w));
          return hvp(({ w, y }) => dot(F(w as Vector), y!), { w, y }, { w: u, y }).y as Vector;
        }),
    },
    {
      name: 'with tf.grads',
      answer: (F, w, u) =>
        tf.tidy(() => {
          const both = tf.grads((w, y) => dot(F(w as Vector), y));
          return slope((y) => dot(both([w, y])[0]!, u), tf.zerosLike(F(w)));
        }),
    },
  ],
  hints: [
    'One gradient of the scalar $F(w)\\cdot y$, with $y$ held fixed, is $J^\\top y$: a product with the *transpose*, for any $y$ of m numbers you like. It is linear in $y$.',
    '$u^\\top (J^\\top y) = (Ju)^\\top y$: as a function of $y$ this is a scalar, whose gradient is $Ju$. The value of $y$ does not matter.',
    'A gradient may be taken inside another function that is differentiated:\n```ts\nconst pulled = (y: tf.Tensor) => tf.grad((x) => /* a scalar made of F(x) and y */)(w);\nreturn tf.tidy(() => tf.grad((y) => /* a scalar made of pulled(y) and u */)(tf.zerosLike(F(w))));\n```',
  ],
};
