import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import {
  type Matrix,
  product,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  transposed,
} from '../linear';

interface Limits {
  /** The relative residual `‖b − Ax‖ / ‖b‖` that counts as solved. */
  tolerance: number;
  maxIterations: number;
}

interface Outcome {
  value: Float64Array;
  status: 'converged' | 'max-iterations' | 'negative-curvature';
}

type ConjugateGradients = (A: CountedOperator, b: Float64Array, limits: Limits) => Outcome;

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, x, i) => sum + x * b[i]!, 0);

const largest = (a: Float64Array) => Math.max(...a.map(Math.abs));

const axpy = (a: number, x: Float64Array, y: Float64Array) =>
  y.map((value, i) => value + a * x[i]!);

/** What one iteration does; mutants do something else. */
interface Rules {
  alpha(rr: number, dAd: number, dd: number): number;
  beta(rrNew: number, rr: number): number;
  /** The next residual. */
  residual(r: Float64Array, alpha: number, Ad: Float64Array, d: Float64Array): Float64Array;
  solved(rr: number, bb: number, tolerance: number, r: Float64Array, b: Float64Array): boolean;
  /** Whether the iterations are counted before the last residual is looked at. */
  limitFirst: boolean;
  curvatureTested: boolean;
  isCurvedDown(dAd: number): boolean;
  /** Whether the step along a direction of negative curvature is taken before stopping. */
  stepTaken: boolean;
}

const right: Rules = {
  alpha: (rr, dAd) => rr / dAd,
  beta: (rrNew, rr) => rrNew / rr,
  residual: (r, alpha, Ad) => axpy(-alpha, Ad, r),
  solved: (rr, bb, tolerance) => Math.sqrt(rr) <= tolerance * Math.sqrt(bb),
  limitFirst: false,
  curvatureTested: true,
  isCurvedDown: (dAd) => !(dAd > 0),
  stepTaken: false,
};

function conjugateGradients(
  A: CountedOperator,
  b: Float64Array,
  { tolerance, maxIterations }: Limits,
  changed: Partial<Rules> = {},
): Outcome {
  const rules = { ...right, ...changed };
  const bb = dot(b, b);
  let x: Float64Array = new Float64Array(b.length);
  let r = b;
  let d = b;
  let rr = bb;
  for (let k = 0; ; k++) {
    const cutOff = rules.limitFirst && k === maxIterations;
    if (!cutOff && rules.solved(rr, bb, tolerance, r, b)) return { value: x, status: 'converged' };
    if (k === maxIterations) return { value: x, status: 'max-iterations' };
    const Ad = A.apply(d);
    const dAd = dot(d, Ad);
    const alpha = rules.alpha(rr, dAd, dot(d, d));
    if (rules.curvatureTested && rules.isCurvedDown(dAd)) {
      if (rules.stepTaken) x = axpy(alpha, d, x);
      return { value: x, status: 'negative-curvature' };
    }
    x = axpy(alpha, d, x);
    r = rules.residual(r, alpha, Ad, d);
    const rrNew = dot(r, r);
    d = axpy(rules.beta(rrNew, rr), d, r);
    rr = rrNew;
  }
}

/** `shift · I + R Rᵀ`. */
function positive(seed: number, n: number, rank: number, shift: number): Matrix {
  const R = randomMatrix(seed, n, rank);
  return shiftedMatrix(shift, product(R, transposed(R)));
}

/** An indefinite matrix on which the first direction still shows positive curvature. */
function indefinite(): Matrix {
  const M = positive(41, 5, 5, 1);
  const w = randomVector(42, 5);
  return M.map((row, i) => row.map((m, j) => m - 2.5 * w[i]! * w[j]!));
}

/** The diagonal matrix of 1, …, 8. */
const oneToEight = (): Matrix =>
  Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => (i === j ? i + 1 : 0)));

/** Column j of a symmetric matrix, without counting. */
function unspoilt(A: CountedOperator, j: number, n: number): Float64Array {
  const before = A.products;
  const unit = new Float64Array(n);
  unit[j] = 1;
  const column = A.apply(unit);
  A.products = before;
  return column;
}

export const exercise: Exercise<ConjugateGradients> = {
  id: 'cg-01',
  lesson: '04',
  title: 'Conjugate gradients that know when to stop',
  difficulty: 2,
  minutes: 25,
  needs: ['04'],
  reference: (A, b, limits) => conjugateGradients(A, b, limits),
  probes: [
    {
      name: 'positive definite',
      args: () => [
        countedMatrix(positive(1, 6, 6, 0.5)),
        randomVector(2, 6),
        { tolerance: 1e-10, maxIterations: 50 },
      ],
    },
    {
      name: 'cut off',
      args: () => [
        countedMatrix(positive(11, 8, 8, 0.1)),
        randomVector(12, 8),
        { tolerance: 1e-10, maxIterations: 3 },
      ],
    },
    {
      name: 'solved by the last iteration',
      args: () => [
        countedMatrix(positive(51, 3, 3, 1)),
        randomVector(52, 3),
        { tolerance: 1e-8, maxIterations: 3 },
      ],
    },
    {
      name: 'small right-hand side',
      args: () => [
        countedMatrix(positive(21, 8, 8, 5)),
        randomVector(22, 8, 1e-5),
        { tolerance: 1e-2, maxIterations: 50 },
      ],
    },
    {
      // By its largest entry this residual is small an iteration too early.
      name: 'one large entry among small ones',
      args: () => [
        countedMatrix(oneToEight()),
        Float64Array.of(9, 2, 2, 2, 2, 2, 2, 2),
        { tolerance: 0.3, maxIterations: 20 },
      ],
    },
    {
      // Here its largest entry is far below its length.
      name: 'entries of one size',
      args: () => [
        countedMatrix(oneToEight()),
        new Float64Array(8).fill(1),
        { tolerance: 0.3, maxIterations: 20 },
      ],
    },
    {
      name: 'indefinite',
      args: () => [
        countedMatrix(indefinite()),
        randomVector(43, 5),
        { tolerance: 1e-10, maxIterations: 50 },
      ],
    },
    {
      name: 'no curvature',
      args: () => [
        countedMatrix([
          [1, 0],
          [0, -1],
        ]),
        Float64Array.of(1, 1),
        { tolerance: 1e-9, maxIterations: 6 },
      ],
    },
    {
      name: 'negative in the last iteration',
      args: () => [
        countedMatrix([
          [2, 0],
          [0, -3],
        ]),
        Float64Array.of(2, 1),
        { tolerance: 1e-9, maxIterations: 2 },
      ],
    },
    {
      name: 'no iterations',
      args: () => [
        countedMatrix(positive(61, 4, 4, 1)),
        randomVector(62, 4),
        { tolerance: 1e-3, maxIterations: 0 },
      ],
    },
    {
      name: 'zero, without an iteration',
      args: () => [
        countedMatrix(positive(71, 2, 2, 1)),
        new Float64Array(2),
        { tolerance: 1e-4, maxIterations: 0 },
      ],
    },
    {
      name: 'zero',
      args: () => [
        countedMatrix(positive(31, 3, 3, 1)),
        new Float64Array(3),
        { tolerance: 1e-6, maxIterations: 10 },
      ],
    },
  ],
  fresh: (seed) => [
    countedMatrix(positive(seed, 6, 6, 0.5)),
    randomVector(seed + 1, 6),
    { tolerance: 1e-10, maxIterations: 50 },
  ],
  properties: [
    {
      name: 'takes one product per iteration',
      complaint({ probe, args: [A, b, limits] }) {
        const plain = new Float64Array(b.length);
        const rows = Array.from(plain, (_, j) => [...unspoilt(A, j, b.length)]);
        const counted = countedMatrix(rows);
        conjugateGradients(counted, b, limits);
        return A.products > counted.products + 1
          ? `On the ${probe} probe it took ${A.products} products where ${counted.products} are enough, one an iteration; the residual comes along without another.`
          : undefined;
      },
    },
    {
      name: 'solves the system',
      complaint({ probe, args: [A, b, { tolerance }], result: { value } }) {
        if (probe !== 'positive definite') return undefined;
        const before = A.products;
        const Ax = A.apply(value);
        A.products = before;
        const gap = b.map((x, i) => x - Ax[i]!);
        const relative = Math.sqrt(dot(gap, gap) / dot(b, b));
        return relative <= 10 * tolerance
          ? undefined
          : `On the ${probe} probe the relative residual ‖b − Ax‖/‖b‖ is ${relative.toExponential(1)}, and ${tolerance} was asked for.`;
      },
    },
  ],
  mutants: [
    {
      name: 'the directions are not conjugate',
      answer: (A, b, limits) => conjugateGradients(A, b, limits, { beta: () => 0 }),
      diagnosis:
        'Every direction is the residual itself: that is steepest descent. It undoes part of its earlier progress at each step. The next direction must keep a share of the one before.',
    },
    {
      name: 'the sign of β',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, { beta: (rrNew, rr) => -rrNew / rr }),
      diagnosis:
        'The share of the old direction is subtracted. Directions are conjugate with $d \\leftarrow r + \\beta d$ and $\\beta \\ge 0$.',
    },
    {
      name: 'the root of β',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, { beta: (rrNew, rr) => Math.sqrt(rrNew / rr) }),
      diagnosis:
        '$\\beta$ is the ratio of the *norms* of the residuals. It is the ratio of their squares.',
    },
    {
      name: 'β upside down',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, { beta: (rrNew, rr) => rr / rrNew }),
      diagnosis:
        '$\\beta$ is the *new* squared residual over the old one. As the residual falls, the share of the old direction must be small, not large.',
    },
    {
      name: 'A is missing in the residual',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, { residual: (r, alpha, _, d) => axpy(-alpha, d, r) }),
      diagnosis:
        'When $x$ moves by $\\alpha d$, the residual $b - Ax$ moves by $-\\alpha A d$, and not by $-\\alpha d$. The product $Ad$ is there already.',
    },
    {
      name: 'the curvature is missing in α',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, {
          alpha: (rr, _, dd) => rr / dd,
        }),
      diagnosis:
        'The step is $r^\\top r / d^\\top d$. How far to go along $d$ depends on how curved the quadratic is there: the denominator is $d^\\top A d$.',
    },
    {
      name: 'an absolute tolerance',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, {
          solved: (rr, _, tolerance) => Math.sqrt(rr) <= tolerance,
        }),
      diagnosis:
        'The residual is compared with the tolerance itself. A small right-hand side then counts as solved before anything was done: compare with $\\text{tolerance} \\cdot \\lVert b\\rVert$.',
    },
    {
      name: 'squares compared with what is not squared',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, {
          solved: (rr, bb, tolerance) => rr <= tolerance * bb,
        }),
      diagnosis:
        '$r^\\top r$ is the *square* of the norm. The test stops at a relative residual of $\\sqrt{\\text{tolerance}}$, much too early.',
    },
    {
      name: 'the largest entries of the residual and of b',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, {
          solved: (_rr, _bb, tolerance, r, b) => largest(r) <= tolerance * largest(b),
        }),
      diagnosis:
        'The largest entries of $r$ and $b$ are compared. The task compares their lengths, $\\lVert r\\rVert = \\sqrt{r^\\top r}$: where many entries are of one size, the largest says too little of them.',
    },
    {
      name: 'the largest entry of the residual',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, {
          solved: (_rr, bb, tolerance, r) => largest(r) <= tolerance * Math.sqrt(bb),
        }),
      diagnosis:
        'The largest entry of $r$ is compared with $\\text{tolerance} \\cdot \\lVert b\\rVert$. It is smaller than the length $\\lVert r\\rVert = \\sqrt{r^\\top r}$, so the test ends too early.',
    },
    {
      name: 'the last residual goes unseen',
      answer: (A, b, limits) => conjugateGradients(A, b, limits, { limitFirst: true }),
      diagnosis:
        "The iterate is right, but the status is `'max-iterations'` where the last iteration has just solved the system. Look at the residual once more before giving up.",
    },
    {
      name: 'negative curvature goes unnoticed',
      answer: (A, b, limits) => conjugateGradients(A, b, limits, { curvatureTested: false }),
      diagnosis:
        'On an indefinite matrix it goes on, and calls the result solved. With $d^\\top A d \\le 0$ the quadratic has no minimum along $d$, and $\\alpha$ leads uphill or to infinity.',
    },
    {
      name: 'no curvature counts as positive',
      answer: (A, b, limits) =>
        conjugateGradients(A, b, limits, { isCurvedDown: (dAd) => dAd < 0 }),
      diagnosis:
        'Where $d^\\top A d$ is exactly 0 it goes on, and divides by 0. The task says $d^\\top A d \\le 0$: along such a direction the quadratic has no minimum either.',
    },
    {
      name: 'one step too far',
      answer: (A, b, limits) => conjugateGradients(A, b, limits, { stepTaken: true }),
      diagnosis:
        'The status is right, but the step along the direction of negative curvature has been taken. With $\\alpha < 0$ it goes backwards, uphill. Look at the curvature before moving.',
    },
    {
      name: 'two products per iteration',
      answer(A, b, limits) {
        const twice: CountedOperator = {
          ...A,
          apply(v) {
            A.apply(v);
            return A.apply(v);
          },
        };
        return conjugateGradients(twice, b, limits);
      },
      diagnosis:
        'The numbers are right, at twice the price: the products are what CG costs. The residual follows from $Ad$, which the step has computed already.',
      caughtBy: 'takes one product per iteration',
    },
  ],
  alternatives: [
    {
      name: 'in place, as in a textbook',
      answer(A, b, { tolerance, maxIterations }) {
        const n = b.length;
        const x = new Float64Array(n);
        const r = b.slice();
        const d = b.slice();
        let rr = dot(r, r);
        const goal = tolerance ** 2 * rr;
        let status = 'max-iterations';
        let k = 0;
        while (true) {
          if (rr <= goal) {
            status = 'converged';
            break;
          }
          if (k >= maxIterations) break;
          const q = A.apply(d);
          const curvature = dot(d, q);
          if (curvature <= 0) {
            status = 'negative-curvature';
            break;
          }
          const alpha = rr / curvature;
          for (let i = 0; i < n; i++) {
            x[i]! += alpha * d[i]!;
            r[i]! -= alpha * q[i]!;
          }
          const rrNew = dot(r, r);
          for (let i = 0; i < n; i++) d[i] = r[i]! + (rrNew / rr) * d[i]!;
          rr = rrNew;
          k += 1;
        }
        return { value: x, status, iterations: k };
      },
    },
    {
      name: 'with β from conjugacy instead of residuals',
      answer(A, b, { tolerance, maxIterations }) {
        let value: Float64Array = new Float64Array(b.length);
        let r = b;
        let d = b;
        const size = Math.sqrt(dot(b, b));
        for (let k = 0; k <= maxIterations; k++) {
          if (Math.sqrt(dot(r, r)) <= tolerance * size) return { value, status: 'converged' };
          if (k === maxIterations) break;
          const q = A.apply(d);
          const curvature = dot(d, q);
          if (curvature <= 0) return { value, status: 'negative-curvature' };
          const alpha = dot(d, r) / curvature;
          value = axpy(alpha, d, value);
          r = axpy(-alpha, q, r);
          d = axpy(-dot(r, q) / curvature, d, r);
        }
        return { value, status: 'max-iterations' };
      },
    },
  ],
  hints: [
    'Keep four vectors: the iterate $x$, the residual $r = b - Ax$, the direction $d$, and its product $Ad$. Before each iteration ask, in this order: is it solved? are the iterations used up? and, once $Ad$ is there, is the curvature positive?',
    '$\\alpha = \\dfrac{r^\\top r}{d^\\top A d}$, then $x \\leftarrow x + \\alpha d$, $r_{\\text{new}} = r - \\alpha A d$, $\\beta = \\dfrac{r_{\\text{new}}^\\top r_{\\text{new}}}{r^\\top r}$, $d \\leftarrow r_{\\text{new}} + \\beta d$. Solved means $\\lVert r\\rVert \\le \\text{tolerance}\\,\\lVert b\\rVert$.',
    "The skeleton:\n```ts\nlet x = new Float64Array(b.length), r = b, d = b;\nlet rr = dot(r, r);\nconst goal = tolerance ** 2 * dot(b, b);\nfor (let k = 0; ; k++) {\n  if (rr <= goal) return { value: x, status: 'converged' };\n  if (k === maxIterations) return { value: x, status: 'max-iterations' };\n  const Ad = A.apply(d);\n  const curvature = dot(d, Ad);\n  // stop here if the curvature is not positive; else move x, r and d\n}\n```",
  ],
};
