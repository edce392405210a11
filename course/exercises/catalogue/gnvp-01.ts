import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import { type Matrix, randomMatrix, randomVector } from '../linear';

/** A network linearised at its parameters, and what it predicts. */
interface Linearised {
  /** `J = ∂z/∂x`, nC × p: the C logits of the first example come first. */
  jacobian: CountedOperator;
  /** The softmax of the logits, n rows of C. */
  probabilities: Matrix;
  /** The right classes, n numbers from 0 to C − 1. */
  labels: number[];
}

type GaussNewtonProduct = (at: Linearised, v: Float64Array) => Float64Array;

/** `Jᵀ S J v`, with S given example by example. */
function sandwich(
  { jacobian, probabilities }: Linearised,
  v: Float64Array,
  S: (u: Float64Array, p: number[], i: number) => ArrayLike<number>,
): Float64Array {
  const C = probabilities[0]!.length;
  const u = jacobian.apply(v);
  const Su = new Float64Array(u.length);
  probabilities.forEach((p, i) => {
    Su.set(Array.from(S(u.subarray(i * C, (i + 1) * C), p, i)), i * C);
  });
  return jacobian.transpose(Su);
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, x, i) => sum + x * b[i]!, 0);

function linearised(seed: number, n: number, C: number, parameters: number): Linearised {
  const probabilities = randomMatrix(seed, n, C).map((z) => {
    const exponentials = z.map(Math.exp);
    const total = exponentials.reduce((sum, e) => sum + e);
    return exponentials.map((e) => e / total);
  });
  return {
    jacobian: countedMatrix(randomMatrix(seed + 1, n * C, parameters)),
    probabilities,
    labels: Array.from({ length: n }, (_, i) => (i + 1) % C),
  };
}

export const exercise: Exercise<GaussNewtonProduct> = {
  id: 'gnvp-01',
  lesson: '04',
  title: 'A product with the Gauss–Newton matrix',
  difficulty: 1,
  minutes: 15,
  needs: ['04'],
  reference: (at, v) =>
    sandwich(at, v, (u, p) => {
      const mean = dot(p, u);
      return u.map((value, c) => (p[c]! * (value - mean)) / at.probabilities.length);
    }),
  probes: [
    { name: 'small', args: () => [linearised(1, 3, 3, 4), randomVector(2, 4)] },
    { name: 'many parameters', args: () => [linearised(11, 4, 3, 40), randomVector(12, 40)] },
    { name: 'one example', args: () => [linearised(21, 1, 4, 5), randomVector(22, 5)] },
  ],
  fresh: (seed) => [linearised(seed, 3, 3, 40), randomVector(seed + 2, 40)],
  properties: [
    {
      name: 'takes one product with J and one with its transpose',
      complaint: ({ args: [{ jacobian }] }) =>
        jacobian.products > 2
          ? `It took ${jacobian.products} products with J or its transpose. Two are enough, whatever the sizes.`
          : undefined,
    },
    {
      name: 'has no negative curvature',
      complaint({ args: [, v], result }) {
        const curvature = dot(v, result);
        return curvature < -1e-12
          ? `The result has vᵀGv = ${curvature.toPrecision(3)}; a Gauss–Newton matrix of a convex loss has none below 0.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the mean over the examples',
      answer: (at, v) =>
        sandwich(at, v, (u, p) => u.map((value, c) => p[c]! * (value - dot(p, u)))),
      diagnosis:
        'The factor $1/n$ is missing: the loss is the *mean* over the examples, and so is its curvature. With one example the two cannot be told apart.',
    },
    {
      name: 'only the diagonal of S',
      answer: (at, v) =>
        sandwich(at, v, (u, p) => u.map((value, c) => (p[c]! * value) / at.probabilities.length)),
      diagnosis:
        'The Hessian of the loss with respect to the logits is $\\operatorname{diag}(p) - pp^\\top$; the second term is missing. A shift of all logits by the same number changes no probability, so it must have no curvature.',
    },
    {
      name: 'S is missing',
      answer: (at, v) => sandwich(at, v, (u) => u.map((value) => value / at.probabilities.length)),
      diagnosis:
        'The product is $\\frac1n J^\\top J v$: that would be Gauss–Newton of a squared error. Between $J$ and $J^\\top$ belongs the curvature of *this* loss.',
    },
    {
      name: 'the empirical Fisher matrix',
      answer: (at, v) =>
        sandwich(at, v, (u, p, i) => {
          const error = p.map((value, c) => value - (c === at.labels[i] ? 1 : 0));
          const along = dot(error, u) / at.probabilities.length;
          return error.map((e) => e * along);
        }),
      diagnosis:
        'Between $J$ and $J^\\top$ stands $(p - y)(p - y)^\\top$, a product of gradients. It is not a curvature: it depends on the labels, and vanishes where the network fits. The Hessian of the loss with respect to the logits does neither.',
    },
    {
      name: 'the slope of the loss for its curvature',
      answer: (at, v) =>
        sandwich(at, v, (u, p, i) =>
          u.map(
            (value, c) =>
              ((p[c]! - (c === at.labels[i] ? 1 : 0)) * value) / at.probabilities.length,
          ),
        ),
      diagnosis:
        'Between $J$ and $J^\\top$ stands $\\operatorname{diag}(p - y)$. That is the *first* derivative of the loss with respect to the logits. $S$ is the second one: differentiate $p - y$ once more.',
    },
    {
      name: 'the logits in the order of the classes',
      answer({ jacobian, probabilities }, v) {
        const n = probabilities.length;
        const u = jacobian.apply(v);
        const Su = new Float64Array(u.length);
        probabilities.forEach((p, i) => {
          const own = p.map((_, c) => u[c * n + i]!);
          for (const [c, value] of p.entries())
            Su[c * n + i] = (value * (own[c]! - dot(p, own))) / n;
        });
        return jacobian.transpose(Su);
      },
      diagnosis:
        'Logit $c$ of example $i$ is taken from place $cn + i$, as if all examples of a class stood together. The $C$ logits of the first example come first: place $iC + c$.',
    },
    {
      name: 'one mean for all examples',
      answer(at, v) {
        const u = at.jacobian.apply(v);
        const p = at.probabilities.flat();
        const mean = dot(p, u);
        return at.jacobian.transpose(
          u.map((value, k) => (p[k]! * (value - mean)) / at.probabilities.length),
        );
      },
      diagnosis:
        'The number $p^\\top u$ is summed over all examples at once. $S$ is block diagonal: each example has its own $p_i^\\top u_i$.',
    },
    {
      name: 'p(1 − p)',
      answer: (at, v) =>
        sandwich(at, v, (u, p) =>
          u.map((value, c) => (p[c]! * (1 - p[c]!) * value) / at.probabilities.length),
        ),
      diagnosis:
        'Between $J$ and $J^\\top$ stands $\\operatorname{diag}(p(1 - p))$: the curvature of $C$ separate logistic functions. A softmax couples the classes: its Hessian is $\\operatorname{diag}(p) - pp^\\top$, of which this is the diagonal.',
    },
    {
      name: 'the mean over all outputs',
      answer: (at, v) =>
        sandwich(at, v, (u, p) =>
          u.map((value, c) => (p[c]! * (value - dot(p, u))) / (at.probabilities.length * p.length)),
        ),
      diagnosis:
        'The factor is $1/(nC)$. The loss is the mean over the $n$ *examples*; the classes are added up inside the cross-entropy.',
    },
    {
      name: '1/n twice',
      answer: (at, v) =>
        sandwich(at, v, (u, p) =>
          u.map((value, c) => (p[c]! * (value - dot(p, u))) / at.probabilities.length ** 2),
        ),
      diagnosis:
        'The factor is $1/n^2$. There is one mean in the loss; $J$ and $J^\\top$ bring none.',
    },
    {
      name: 'the sign of S',
      answer: (at, v) =>
        sandwich(at, v, (u, p) =>
          u.map((value, c) => (p[c]! * (dot(p, u) - value)) / at.probabilities.length),
        ),
      diagnosis:
        'Between $J$ and $J^\\top$ stands $pp^\\top - \\operatorname{diag}(p)$. The cross-entropy is convex in the logits: $u^\\top S u$ is a variance, and not negative.',
    },
    {
      name: 'J or G is formed',
      answer(at, v) {
        let total = new Float64Array(v.length) as Float64Array;
        for (let j = 0; j < v.length; j++) {
          const unit = new Float64Array(v.length);
          unit[j] = v[j]!;
          const column = exercise.reference(at, unit) as Float64Array;
          total = total.map((value, i) => value + column[i]!);
        }
        return total;
      },
      diagnosis:
        'The numbers are right, but a matrix is formed column by column. Begin at the vector: $Jv$ is one product.',
      caughtBy: 'takes one product with J and one with its transpose',
    },
  ],
  alternatives: [
    {
      name: 'with a square root of S',
      answer({ jacobian, probabilities }, v) {
        const n = probabilities.length;
        const C = probabilities[0]!.length;
        const u = jacobian.apply(v);
        const Su = probabilities.flatMap((p, i) => {
          const own = u.subarray(i * C, (i + 1) * C);
          // L = diag(√p) − p √pᵀ; first Lᵀ, then L.
          const y = p.map((value, c) => Math.sqrt(value) * (own[c]! - dot(p, own)));
          const share = dot(
            p.map((value) => Math.sqrt(value)),
            y,
          );
          return p.map((value, c) => (Math.sqrt(value) * y[c]! - value * share) / n);
        });
        return jacobian.transpose(Float64Array.from(Su));
      },
    },
    {
      name: 'by loops over examples and classes, as a plain array',
      answer({ jacobian, probabilities }, v) {
        const u = jacobian.apply(v);
        const n = probabilities.length;
        const C = probabilities[0]!.length;
        const out = new Float64Array(n * C);
        for (let i = 0; i < n; i++) {
          for (let c = 0; c < C; c++) {
            for (let d = 0; d < C; d++) {
              const h =
                (c === d ? probabilities[i]![c]! : 0) -
                probabilities[i]![c]! * probabilities[i]![d]!;
              out[i * C + c]! += (h * u[i * C + d]!) / n;
            }
          }
        }
        return [...jacobian.transpose(out)];
      },
    },
  ],
  hints: [
    'Three factors, begun at the vector: first $u = Jv$, then the curvature of the loss with respect to the logits, then $J^\\top$.',
    '$Gv = J^\\top S J v$ with $S = \\frac1n \\operatorname{blockdiag}(\\operatorname{diag}(p_i) - p_i p_i^\\top)$, so for each example $(Su)_i = \\frac1n\\, p_i \\odot (u_i - p_i^\\top u_i)$.',
    'The logits of example `i` are `u[i * C]` to `u[i * C + C - 1]`:\n```ts\nconst u = jacobian.apply(v);\nconst Su = new Float64Array(u.length);\nprobabilities.forEach((p, i) => {\n  let mean = 0;\n  p.forEach((value, c) => (mean += value * u[i * C + c]));\n  p.forEach((value, c) => (Su[i * C + c] = /* … */));\n});\nreturn jacobian.transpose(Su);\n```',
  ],
};
