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
  /** `∂E/∂w`, p numbers, and `∂E/∂λ`, m numbers. */
  outer(batch: number): { w: Float64Array; lambda: Float64Array };
  /** The Hessian H, p × p. */
  hessian(batch: number): CountedOperator;
  /** `Bᵀ v`, m numbers. */
  mixedVjp(batch: number, v: Float64Array): Float64Array;
}

type Stochastic = (batches: Batches, alpha: number, steps: number) => Float64Array;

/** The same, with the number of products with Hessians so far. */
interface Watched extends Batches {
  products(): number;
}

const axpy = (a: number, x: Float64Array, y: Float64Array) =>
  y.map((value, i) => value + a * x[i]!);

interface Twist {
  /** The batch of step k = 1 … K. */
  batch?: (k: number, steps: number) => number;
  /** The batch of the outer gradient in step k; 0 is right. */
  outer?: (k: number) => number;
  last?: (steps: number) => number;
  steps?: (steps: number) => number;
  /** The length of step k. */
  length?: (alpha: number, k: number) => number;
  /** What is added to q before the residual: the old q. */
  carried?: (q: Float64Array) => Float64Array;
  /** Which q_k are averaged: those of the later half, k > K/2. */
  averaged?: (k: number, steps: number) => boolean;
  /** What their sum is divided by: their number. */
  divisor?: (count: number, steps: number) => number;
  sign?: 1 | -1;
  direct?: 0 | 1;
}

const laterHalf = (k: number, steps: number) => 2 * k > steps;

function estimate(batches: Batches, alpha: number, steps: number, twist: Twist = {}): Float64Array {
  const { lambda } = batches.outer(0);
  const K = twist.steps?.(steps) ?? steps;
  let q: Float64Array = batches.outer(0).w.map(() => 0);
  let [sum, count] = [q, 0];
  for (let k = 1; k <= K; k++) {
    const b = batches.outer(twist.outer?.(k) ?? 0).w;
    const a = twist.length?.(alpha, k) ?? alpha / Math.sqrt(k);
    // From 0 there is nothing to multiply.
    const Hq = k === 1 ? q : batches.hessian(twist.batch?.(k, K) ?? k).apply(q);
    q = axpy(a, axpy(-1, Hq, b), twist.carried?.(q) ?? q);
    if (!(twist.averaged ?? laterHalf)(k, K)) continue;
    sum = axpy(1, q, sum);
    count += 1;
  }
  const divisor = twist.divisor?.(count, K) ?? count;
  const mean = count === 0 ? sum : sum.map((value) => value / divisor);
  const pulled = batches.mixedVjp(twist.last?.(steps) ?? steps + 1, mean);
  const direct = twist.direct ?? 1;
  return lambda.map((value, i) => direct * value - (twist.sign ?? 1) * pulled[i]!);
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
      lambda: randomVector(seed + 10 * batch + 3, h),
    }),
    hessian,
    mixedVjp: (batch, v) => countedMatrix(randomMatrix(seed + 10 * batch + 4, p, h)).transpose(v),
    products: () => [...operators.values()].reduce((sum, { products }) => sum + products, 0),
  };
}

export const exercise: Exercise<Stochastic> = {
  id: 'stochastic-01',
  lesson: '11',
  title: 'A separate batch for every step, and a mean',
  difficulty: 2,
  minutes: 25,
  needs: ['11', 'fixed-01'],
  reference: (given, alpha, steps) => estimate(given, alpha, steps),
  probes: [
    { name: 'five steps', args: () => [batches(1000, 5, 3), 0.4, 5] },
    { name: 'one step', args: () => [batches(2000, 3, 4), 0.7, 1] },
    { name: 'two steps', args: () => [batches(3000, 4, 4), 0.5, 2] },
    { name: 'many steps', args: () => [batches(4000, 4, 2), 0.3, 12] },
  ],
  fresh: (seed) => [batches(seed, 4, 3), 0.4, 5],
  properties: [
    {
      name: 'takes one product per step',
      complaint({ args: [given, , steps], probe }) {
        const products = (given as Watched).products();
        return products > steps
          ? `On the ${probe} probe it took ${products} products with Hessians of batches; ${steps} steps need ${steps}, or one fewer.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the series of the lesson',
      answer: (given, alpha, steps) =>
        estimate(given, alpha, steps, { length: (a) => a, averaged: (k, K) => k === K }),
      diagnosis:
        'All steps have the length $\\alpha$, and the last $q$ is used: that is the Neumann sum of the lesson on fresh batches, with all of its noise. Here the lengths fall, and the later half of the $q_k$ is averaged.',
    },
    {
      name: 'the last q alone',
      answer: (given, alpha, steps) =>
        estimate(given, alpha, steps, { averaged: (k, K) => k === K }),
      diagnosis:
        'The product with $B^\\top$ has $q_K$. The task asks for the mean of the $q_k$ with $k > K/2$: the last one alone carries the noise of the last batches.',
    },
    {
      name: 'the mean of all q',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { averaged: () => true }),
      diagnosis:
        'All of the $q_k$ are averaged. The first ones still remember the start, and this mean never forgets it; only those with $k > K/2$ count.',
    },
    {
      name: 'the mean begins one q too early',
      answer: (given, alpha, steps) =>
        estimate(given, alpha, steps, { averaged: (k, K) => 2 * k >= K }),
      diagnosis:
        'For even $K$ the mean begins at $k = K/2$. The task has $k > K/2$, a strict inequality: $K/2$ vectors of $K$.',
    },
    {
      name: 'the mean begins one q too late',
      answer: (given, alpha, steps) =>
        estimate(given, alpha, steps, { averaged: (k, K) => k === K || 2 * k > K + 2 }),
      diagnosis:
        'The mean begins one $k$ too late: of $K = 12$ there are six with $k > K/2$, from $k = 7$ on; of $K = 5$ three, from $k = 3$ on.',
    },
    {
      name: 'a sum instead of a mean',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { divisor: () => 1 }),
      diagnosis: 'The $q_k$ of the later half are added up, but not divided by their number.',
    },
    {
      name: 'divided by K',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { divisor: (_, K) => K }),
      diagnosis:
        'The sum over the later half is divided by $K$. There are fewer vectors in it: divide by their number.',
    },
    {
      name: 'steps of the same length',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { length: (a) => a }),
      diagnosis: 'All steps have the length $\\alpha$. Step $k$ has $\\alpha/\\sqrt k$.',
    },
    {
      name: 'the steps are counted from 0',
      answer: (given, alpha, steps) =>
        estimate(given, alpha, steps, { length: (a, k) => a / Math.sqrt(k + 1) }),
      diagnosis:
        'Step $k$ has the length $\\alpha/\\sqrt{k + 1}$. The first one, $k = 1$, has the whole $\\alpha$.',
    },
    {
      name: 'the lengths fall like 1/k',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { length: (a, k) => a / k }),
      diagnosis: 'Step $k$ has the length $\\alpha/k$. The task says $\\alpha/\\sqrt k$.',
    },
    {
      name: 'one batch for all steps',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { batch: () => 1 }),
      diagnosis:
        'Every step uses batch 1. Then the mean of the result is not that with the mean Hessian: $\\mathbb E[H_S^2] \\ne (\\mathbb E H_S)^2$, and the bias of the inverse is back.',
    },
    {
      name: "the outer gradient's batch used again",
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { batch: (k) => k - 1 }),
      diagnosis:
        'The Hessian of step $k$ is that of batch $k - 1$. Count: 0 for $\\partial E$, $k$ for the Hessian of step $k$, $K + 1$ for $B$.',
    },
    {
      name: 'a fresh outer gradient in each step',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { outer: (k) => k }),
      diagnosis:
        '$\\partial_w E$ is taken on the batch of the step. The task takes it once, on batch 0; on batch $k$ it would not be independent of $H_{S_k}$.',
    },
    {
      name: 'B on the batch of a step',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { last: (K) => K }),
      diagnosis:
        '$B$ sees the batch of the last step. For this estimator to have the right mean it needs one of its own, number $K + 1$.',
    },
    {
      name: 'B on the batch of the outer gradient',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { last: () => 0 }),
      diagnosis:
        '$B$ is taken on batch 0, which the outer gradient has used. The mean of their product is then not the product of their means: $B$ has batch $K + 1$.',
    },
    {
      name: 'the batches in the other order',
      answer: (given, alpha, steps) =>
        estimate(given, alpha, steps, { batch: (k, K) => K + 1 - k }),
      diagnosis:
        'The batches enter from the other end: step $k$ sees batch $K + 1 - k$. This estimator is just as good, but it is another one, and the task fixes which.',
    },
    {
      name: 'one step too many',
      answer: (given, alpha, steps) =>
        estimate(given, alpha, steps, { steps: (K) => K + 1, last: (K) => K + 1 }),
      diagnosis:
        'There are $K + 1$ steps. With one step the result is $\\alpha\\,\\partial_w E$, and no Hessian is needed.',
    },
    {
      name: 'one step too few',
      answer: (given, alpha, steps) =>
        estimate(given, alpha, steps, { steps: (K) => K - 1, last: (K) => K + 1 }),
      diagnosis: 'There are $K - 1$ steps. The first one, from $q = 0$, counts.',
    },
    {
      name: 'the iteration forgets where it was',
      answer: (given, alpha, steps) =>
        estimate(given, alpha, steps, { carried: (q) => q.map(() => 0) }),
      diagnosis:
        '$q$ becomes $\\alpha_k(b - H q)$ alone. A step is *added* to where it starts: $q + \\alpha_k(b - Hq)$.',
    },
    {
      name: 'the sign of the implicit term',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { sign: -1 }),
      diagnosis:
        'The implicit term is added. $\\mathrm dE/\\mathrm d\\lambda = \\partial_\\lambda E - B^\\top H^{-1}\\partial_w E$, on batches as without.',
    },
    {
      name: 'the direct term is missing',
      answer: (given, alpha, steps) => estimate(given, alpha, steps, { direct: 0 }),
      diagnosis:
        'Only the way through the weights is there; $\\partial_\\lambda E$ of batch 0 is missing.',
    },
    {
      name: 'two products per step',
      answer: (given, alpha, steps) => {
        const twice: Batches = {
          ...given,
          hessian: (batch) => {
            const H = given.hessian(batch);
            return {
              ...H,
              apply(q) {
                H.apply(q);
                return H.apply(q);
              },
            };
          },
        };
        return estimate(twice, alpha, steps);
      },
      diagnosis:
        'The numbers are right, but every step makes two products with its Hessian. Keep the first one: each is a pass over the batch.',
      caughtBy: 'takes one product per step',
    },
    {
      name: 'a batch solved with',
      answer(given, _, steps) {
        const { w, lambda } = given.outer(0);
        const H = given.hessian(1);
        const rows = Array.from(w, (_, j) => [...H.apply(w.map((_, i) => (i === j ? 1 : 0)))]);
        return axpy(-1, given.mixedVjp(steps + 1, solveDense(rows, w)), lambda);
      },
      diagnosis:
        'The system is solved with the Hessian of one batch. That is the inverse of a noisy matrix, whose mean is too large; steps on independent batches have no such bias.',
    },
  ],
  alternatives: [
    {
      name: 'with a product in the first step, too',
      answer(given, alpha, steps) {
        const { w, lambda } = given.outer(0);
        let q: Float64Array = new Float64Array(w.length);
        let mean = q;
        const first = Math.floor(steps / 2) + 1;
        for (let k = 1; k <= steps; k++) {
          const Hq = given.hessian(k).apply(q);
          q = q.map((value, i) => value + (alpha / Math.sqrt(k)) * (w[i]! - Hq[i]!));
          // A running mean.
          if (k >= first) mean = axpy(1 / (k - first + 1), axpy(-1, mean, q), mean);
        }
        return axpy(-1, given.mixedVjp(steps + 1, mean), lambda);
      },
    },
    {
      name: 'recursive, with a list of all q',
      answer(given, alpha, steps) {
        const { w, lambda } = given.outer(0);
        const upTo = (k: number): Float64Array[] => {
          if (k === 1) return [w.map((value) => alpha * value)];
          const before = upTo(k - 1);
          const q = before[k - 2]!;
          const Hq = given.hessian(k).apply(q);
          const next = q.map((value, i) => value + (alpha / Math.sqrt(k)) * (w[i]! - Hq[i]!));
          return [...before, next];
        };
        const later = upTo(steps).slice(-Math.ceil(steps / 2));
        const mean = w.map((_, i) => later.reduce((sum, q) => sum + q[i]!, 0) / later.length);
        const pulled = given.mixedVjp(steps + 1, mean);
        return lambda.map((value, i) => value - pulled[i]!);
      },
    },
    {
      name: 'in place on plain numbers, asynchronous',
      async answer(given, alpha, steps) {
        const { w, lambda } = given.outer(0);
        const q = Array.from(w, (value) => alpha * value); // the first step, from zero
        const share = 1 / (steps - Math.floor(steps / 2));
        const mean = q.map((value) => (steps === 1 ? value : 0));
        for (let k = 2; k <= steps; k++) {
          const Hq = given.hessian(k).apply(Float64Array.from(q));
          for (let i = 0; i < q.length; i++) {
            q[i]! -= (alpha / Math.sqrt(k)) * (Hq[i]! - w[i]!);
            if (k > steps / 2) mean[i]! += share * q[i]!;
          }
        }
        const pulled = given.mixedVjp(steps + 1, Float64Array.from(mean));
        return Array.from(lambda, (value, i) => value - pulled[i]!);
      },
    },
  ],
  hints: [
    'The mean of a product is the product of the means if its factors are independent. So no batch may be used twice. Start from $q_0 = 0$ and take the steps in order.',
    '$q_k = q_{k-1} + \\tfrac{\\alpha}{\\sqrt k}\\,(b - H_{S_k} q_{k-1})$ with $b = \\partial_w E$ of batch 0, for $k = 1, \\dots, K$; the mean $\\bar q$ of those with $k > K/2$; then $\\partial_\\lambda E - B_{S_{K+1}}^\\top \\bar q$.',
    '```ts\nconst { w: b, lambda } = batches.outer(0);\nlet q = b.map(() => 0);\nlet sum = q;\nfor (let k = 1; k <= steps; k++) {\n  const Hq = batches.hessian(k).apply(q);\n  q = // q, and a step along the residual\n  if (2 * k > steps) sum = // the sum, and q\n}\nconst count = steps - Math.floor(steps / 2);\nconst pulled = batches.mixedVjp(/* which batch? */, sum.map((value) => value / count));\n```',
  ],
};
