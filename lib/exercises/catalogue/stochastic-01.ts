import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import {
  product,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  solveDense,
  transposed,
} from '../linear';

/** The derivatives on single batches, which have the numbers 0, 1, 2, … */
interface Batches {
  /** `∂g/∂w`, p numbers, and `∂g/∂θ`, h numbers. */
  outer(batch: number): { w: Float64Array; theta: Float64Array };
  /** The Hessian A, p × p. */
  hessian(batch: number): CountedOperator;
  /** `Bᵀ v`, h numbers. */
  mixedVjp(batch: number, v: Float64Array): Float64Array;
}

type Stochastic = (batches: Batches, alpha: number, terms: number) => Float64Array;

/** The same, with the number of products with Hessians so far. */
interface Watched extends Batches {
  products(): number;
}

const axpy = (a: number, x: Float64Array, y: Float64Array) =>
  y.map((value, i) => value + a * x[i]!);
const scaled = (a: number, x: Float64Array) => x.map((value) => a * value);

interface Twist {
  /** The batch of the k-th factor, k = 1 … K − 1. */
  factor?: (k: number, terms: number) => number;
  last?: (terms: number) => number;
  terms?: (terms: number) => number;
  /** In front of the sum. */
  front?: (alpha: number) => number;
  sign?: 1 | -1;
  direct?: 0 | 1;
}

function estimate(batches: Batches, alpha: number, terms: number, twist: Twist = {}): Float64Array {
  const { w, theta } = batches.outer(0);
  const K = twist.terms?.(terms) ?? terms;
  let v = w;
  for (let k = 1; k < K; k++) {
    const A = batches.hessian(twist.factor?.(k, terms) ?? k);
    v = axpy(1, w, axpy(-alpha, A.apply(v), v));
  }
  const pulled = batches.mixedVjp(
    twist.last?.(terms) ?? terms,
    scaled(twist.front?.(alpha) ?? alpha, v),
  );
  const direct = twist.direct ?? 1;
  return theta.map((value, i) => direct * value - (twist.sign ?? 1) * pulled[i]!);
}

function batches(seed: number, p: number, h: number): Watched {
  const operators = new Map<number, CountedOperator>();
  const hessian = (batch: number) => {
    let operator = operators.get(batch);
    if (!operator) {
      const R = randomMatrix(seed + 10 * batch + 1, p, p, 0.8);
      operator = countedMatrix(shiftedMatrix(0.3, product(R, transposed(R)), 1 / p));
      operators.set(batch, operator);
    }
    return operator;
  };
  return {
    outer: (batch) => ({
      w: randomVector(seed + 10 * batch + 2, p),
      theta: randomVector(seed + 10 * batch + 3, h),
    }),
    hessian,
    mixedVjp: (batch, v) => countedMatrix(randomMatrix(seed + 10 * batch + 4, p, h)).transpose(v),
    products: () => [...operators.values()].reduce((sum, { products }) => sum + products, 0),
  };
}

export const exercise: Exercise<Stochastic> = {
  id: 'stochastic-01',
  lesson: '11',
  title: 'A batch of its own for every factor',
  difficulty: 2,
  minutes: 25,
  needs: ['11', 'neumann-01'],
  reference: (given, alpha, terms) => estimate(given, alpha, terms),
  probes: [
    { name: 'five terms', args: () => [batches(1000, 5, 3), 0.4, 5] },
    { name: 'one term', args: () => [batches(2000, 3, 4), 0.7, 1] },
    { name: 'two terms', args: () => [batches(3000, 4, 4), 0.5, 2] },
    { name: 'many terms', args: () => [batches(4000, 4, 2), 0.3, 12] },
  ],
  properties: [
    {
      name: 'takes one product for each factor',
      complaint({ args: [given, , terms], probe }) {
        const products = (given as Watched).products();
        return products > terms
          ? `On the ${probe} probe it took ${products} products with Hessians of batches; ${terms - 1} factors need ${terms - 1}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'one batch for all factors',
      answer: (given, alpha, terms) => estimate(given, alpha, terms, { factor: () => 1 }),
      diagnosis:
        'Every factor uses the same batch. Then the mean of the sum is not the sum with the mean: $\\mathbb E[A_S^2] \\ne (\\mathbb E A_S)^2$, and the bias of the inverse is back.',
    },
    {
      name: "the outer gradient's batch used again",
      answer: (given, alpha, terms) => estimate(given, alpha, terms, { factor: (k) => k - 1 }),
      diagnosis:
        'The factors begin with batch 0, which the outer gradient has used. The two are then not independent, and the mean of their product is not the product of their means. (Count: 0 for $\\partial g$, 1 to $K - 1$ for the factors, $K$ for $B$.)',
    },
    {
      name: 'B on the batch of a factor',
      answer: (given, alpha, terms) =>
        estimate(given, alpha, terms, { last: (K) => Math.max(0, K - 1) }),
      diagnosis:
        '$B$ sees the batch of the last factor (or of the outer gradient). For this estimator to have the right mean it needs one of its own, number $K$.',
    },
    {
      name: 'the factors in the other order',
      answer: (given, alpha, terms) => estimate(given, alpha, terms, { factor: (k, K) => K - k }),
      diagnosis:
        'The batches enter from the other end: the first factor that is applied has number $K - 1$. This estimator is just as good, but it is another one, and the task fixes which.',
    },
    {
      name: 'a running product instead of the recurrence',
      answer(given, alpha, terms) {
        const { w, theta } = given.outer(0);
        let term = w;
        let sum = w;
        for (let k = 1; k < terms; k++) {
          term = axpy(-alpha, given.hessian(k).apply(term), term);
          sum = axpy(1, term, sum);
        }
        return axpy(-1, given.mixedVjp(terms, scaled(alpha, sum)), theta);
      },
      diagnosis:
        'You add up the terms of a running product. It has the right mean, too, but pairs the batches differently: there the first batch is in all terms, in the recurrence $v \\leftarrow b + (I - \\alpha A)v$ the last one is. The task asks for the recurrence.',
    },
    {
      name: 'one term too many',
      answer(given, alpha, terms) {
        return estimate(given, alpha, terms, { terms: (K) => K + 1 });
      },
      diagnosis:
        'There are $K$ factors, so $K + 1$ terms. $K$ terms have the powers $0$ to $K - 1$. With one term no Hessian is needed at all.',
    },
    {
      name: 'the factor α in front',
      answer: (given, alpha, terms) => estimate(given, alpha, terms, { front: () => 1 }),
      diagnosis:
        'The sum is not multiplied by $\\alpha$. With one term, $A^{-1}b \\approx \\alpha b$.',
    },
    {
      name: 'the sign of the implicit term',
      answer: (given, alpha, terms) => estimate(given, alpha, terms, { sign: -1 }),
      diagnosis:
        'The implicit term is added. $\\mathrm dg/\\mathrm d\\theta = \\partial_\\theta g - B^\\top A^{-1}\\partial_w g$, on batches as without.',
    },
    {
      name: 'the direct term is missing',
      answer: (given, alpha, terms) => estimate(given, alpha, terms, { direct: 0 }),
      diagnosis:
        'Only the way through the weights is there; $\\partial_\\theta g$ of batch 0 is missing.',
    },
    {
      name: 'each batch solved with',
      answer(given, _, terms) {
        const { w, theta } = given.outer(0);
        const A = given.hessian(1);
        const rows = Array.from(w, (_, j) => [...A.apply(w.map((_, i) => (i === j ? 1 : 0)))]);
        return axpy(-1, given.mixedVjp(terms, solveDense(rows, w)), theta);
      },
      diagnosis:
        'The system is solved with the Hessian of one batch. That is the inverse of a noisy matrix, whose mean is too large; a sum of products of independent factors has no such bias.',
    },
  ],
  alternatives: [
    {
      name: 'recursive, scaled as it goes',
      answer(given, alpha, terms) {
        const { w, theta } = given.outer(0);
        const b = scaled(alpha, w);
        const after = (k: number): Float64Array => {
          if (k === 0) return b;
          const v = after(k - 1);
          const Av = given.hessian(k).apply(v);
          return b.map((value, i) => value + v[i]! - alpha * Av[i]!);
        };
        const pulled = given.mixedVjp(terms, after(terms - 1));
        return theta.map((value, i) => value - pulled[i]!);
      },
    },
    {
      name: 'stochastic gradient descent on the linear system, asynchronous',
      async answer(given, alpha, terms) {
        const { w, theta } = given.outer(0);
        const v = Array.from(w, (value) => alpha * value); // the first step, from zero
        for (let k = 1; k < terms; k++) {
          const Av = given.hessian(k).apply(Float64Array.from(v));
          for (let i = 0; i < v.length; i++) v[i]! -= alpha * (Av[i]! - w[i]!);
        }
        const pulled = given.mixedVjp(terms, Float64Array.from(v));
        return Array.from(theta, (value, i) => value - pulled[i]!);
      },
    },
  ],
  hints: [
    'The mean of a product is the product of the means if its factors are independent. So no batch may be used twice. Start the recurrence of the Neumann sum at the outer gradient $b$ of batch 0.',
    '$v_0 = b,\\quad v_k = b + (I - \\alpha A_{S_k})\\,v_{k-1}$ for $k = 1, \\dots, K - 1$; then $\\partial_\\theta g - B_{S_K}^\\top(\\alpha v_{K-1})$.',
    '```ts\nconst { w: b, theta } = batches.outer(0);\nlet v = b;\nfor (let k = 1; k < terms; k++) {\n  const Av = batches.hessian(k).apply(v);\n  v = // b + v − α Av\n}\nconst pulled = batches.mixedVjp(terms, /* α v */);\n```',
  ],
};
