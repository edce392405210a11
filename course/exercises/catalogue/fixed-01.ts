import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import {
  type Matrix,
  norm,
  product,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  solveDense,
  transposed,
} from '../linear';

interface System {
  /** A, n × n, symmetric, with no eigenvalue below `mu`. */
  A: CountedOperator;
  b: Float64Array;
  mu: number;
}

interface Plan {
  /** Where to start: an earlier solution, or zeros. */
  start: Float64Array;
  alpha: number;
  /** The residual, relative to ‖b‖, that is small enough. */
  tolerance: number;
  /** The most steps. */
  most: number;
}

interface Descended {
  value: Float64Array;
  /** How many steps were taken. */
  steps: number;
  /** A bound of ‖value − A⁻¹b‖. */
  bound: number;
}

type Descend = (system: System, plan: Plan) => Descended;

const axpy = (a: number, x: Float64Array, y: Float64Array) =>
  y.map((value, i) => value + a * x[i]!);
const residual = ({ A, b }: System, v: Float64Array) => axpy(-1, A.apply(v), b);

interface Twist {
  start?: (plan: Plan) => Float64Array;
  goal?: (system: System, plan: Plan, first: number) => number;
  sign?: 1 | -1;
  alpha?: (alpha: number) => number;
  bound?: (size: number, mu: number, b: number) => number;
}

/** The right answer, or one with something twisted. */
function descend(system: System, plan: Plan, twist: Twist = {}): Descended {
  const { mu, b } = system;
  let value = twist.start?.(plan) ?? plan.start;
  let r = residual(system, value);
  const goal = twist.goal?.(system, plan, norm(r)) ?? plan.tolerance * norm(b);
  const step = (twist.sign ?? 1) * (twist.alpha?.(plan.alpha) ?? plan.alpha);
  let steps = 0;
  while (norm(r) > goal && steps < plan.most) {
    value = axpy(step, r, value);
    r = residual(system, value);
    steps++;
  }
  const bound = twist.bound?.(norm(r), mu, norm(b)) ?? norm(r) / mu;
  return { value, steps, bound };
}

const matrix = (seed: number, n: number, mu: number): Matrix => {
  const R = randomMatrix(seed, n, n, 0.6);
  return shiftedMatrix(mu, product(R, transposed(R)), 1 / n);
};

function probe(
  seed: number,
  n: number,
  mu: number,
  plan: Partial<Plan> & { near?: number },
): [System, Plan] {
  const rows = matrix(seed, n, mu);
  const b = randomVector(seed + 1, n, 3);
  const { near, ...given } = plan;
  const start =
    near === undefined
      ? new Float64Array(n)
      : axpy(near, randomVector(seed + 2, n), solveDense(rows, b));
  return [
    { A: countedMatrix(rows), b, mu },
    { start, alpha: 0.6, tolerance: 1e-2, most: 60, ...given },
  ];
}

export const exercise: Exercise<Descend> = {
  id: 'fixed-01',
  lesson: '09',
  title: 'Gradient descent on the linear system, with a warm start',
  difficulty: 2,
  minutes: 20,
  needs: ['09'],
  reference: (system, plan) => descend(system, plan),
  probes: [
    { name: 'cold', args: () => probe(50, 4, 0.4, {}) },
    { name: 'warm', args: () => probe(60, 5, 0.25, { near: 0.1, tolerance: 1e-3, alpha: 0.5 }) },
    { name: 'already solved', args: () => probe(70, 3, 0.7, { near: 1e-4 }) },
    { name: 'cut off', args: () => probe(80, 4, 0.15, { tolerance: 1e-8, most: 7, alpha: 0.45 }) },
    {
      name: 'exactly at the tolerance',
      args: () => [
        {
          A: countedMatrix([
            [0.5, 0],
            [0, 0.5],
          ]),
          b: Float64Array.of(3, 4),
          mu: 0.5,
        },
        // From 0 each step halves the residual: 5, 2.5, 1.25, and 1.25 = tolerance · 5.
        { start: new Float64Array(2), alpha: 1, tolerance: 0.25, most: 9 },
      ],
    },
    {
      name: 'one large entry among many small ones',
      args: () => [
        {
          A: countedMatrix(
            shiftedMatrix(
              1,
              Array.from({ length: 9 }, () => new Array(9).fill(0)),
            ),
          ),
          b: Float64Array.of(5, 1, 1, 1, 1, 1, 1, 1, 1),
          mu: 1,
        },
        { start: new Float64Array(9), alpha: 0.1, tolerance: 0.5, most: 30 },
      ],
    },
  ],
  fresh: (seed) => probe(seed, 4, 0.4, { near: 0.5, tolerance: 1e-3, alpha: 0.5 }),
  properties: [
    {
      name: 'costs one product a step',
      complaint: ({ args: [{ A }], result, probe }) =>
        A.products > result.steps + 2
          ? `On the ${probe} probe ${result.steps} steps took ${A.products} products with A; ${result.steps + 1} are enough.`
          : undefined,
    },
    {
      name: 'the bound holds',
      complaint({ args: [{ A, b }], result, probe }) {
        const n = b.length;
        const before = A.products;
        const rows = Array.from({ length: n }, (_, j) => {
          const unit = new Float64Array(n);
          unit[j] = 1;
          return [...A.apply(unit)];
        });
        A.products = before;
        const error = norm(axpy(-1, solveDense(rows, b), result.value));
        return error > result.bound * (1 + 1e-9)
          ? `On the ${probe} probe the error is ${error.toPrecision(3)}, above the bound ${result.bound.toPrecision(3)}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'uphill',
      answer: (system, plan) => descend(system, plan, { sign: -1 }),
      diagnosis:
        'The steps go the wrong way and the residual grows. The gradient of $\\frac12 v^\\top A v - b^\\top v$ is $Av - b$, and descent goes against it.',
    },
    {
      name: 'the start is not used',
      answer: (system, plan) =>
        descend(system, plan, { start: () => new Float64Array(plan.start.length) }),
      diagnosis: 'It begins at zero, whatever `start` is. The warm start is thrown away.',
    },
    {
      name: 'an absolute tolerance',
      answer: (system, plan) => descend(system, plan, { goal: () => plan.tolerance }),
      diagnosis:
        'The residual is compared with `tolerance` itself. It is to be relative to $\\lVert b\\rVert$: multiplying the system by ten should not change the number of steps.',
    },
    {
      name: 'the maximum norm',
      answer: (system, plan) => {
        const largest = (x: Float64Array) => Math.max(...x.map(Math.abs));
        const { A, b, mu } = system;
        let value = plan.start;
        let r = residual({ A, b, mu }, value);
        let steps = 0;
        while (largest(r) > plan.tolerance * largest(b) && steps < plan.most) {
          value = axpy(plan.alpha, r, value);
          r = residual({ A, b, mu }, value);
          steps++;
        }
        return { value, steps, bound: largest(r) / mu };
      },
      diagnosis:
        'The residual is measured by its largest entry. $\\lVert\\cdot\\rVert$ is the Euclidean norm here, and so is that of the error which the bound is for.',
    },
    {
      name: 'a residual that is just small enough is not',
      answer: (system, plan) =>
        descend(system, plan, {
          goal: ({ b }, { tolerance }) => tolerance * norm(b) * (1 - 1e-12),
        }),
      diagnosis:
        'Where the residual *equals* tolerance · $\\lVert b\\rVert$ another step is taken. Steps are taken until it is $\\le$: as long as it is $>$.',
    },
    {
      name: 'relative to the first residual',
      answer: (system, plan) =>
        descend(system, plan, { goal: (_, { tolerance }, first) => tolerance * first }),
      diagnosis:
        'The residual is compared with the first one. From a good start that asks for as many digits *more* as from zero, and the warm start saves nothing. Compare with $\\lVert b\\rVert$.',
    },
    {
      name: 'α is missing',
      answer: (system, plan) => descend(system, plan, { alpha: () => 1 }),
      diagnosis:
        'The whole residual is added, as if $\\alpha$ were 1. That is the iteration for $A = I - M$ with a contraction $M$; in general the step must be below $2/L$ for the largest eigenvalue $L$.',
    },
    {
      name: 'looks after the step only',
      answer(system, plan) {
        const once = axpy(plan.alpha, residual(system, plan.start), plan.start);
        const rest = descend(system, { ...plan, start: once, most: plan.most - 1 });
        return { ...rest, steps: rest.steps + 1 };
      },
      diagnosis:
        'A step is taken before the residual is looked at for the first time. A start that is good enough should take no step at all.',
    },
    {
      name: 'the residual as a bound of the error',
      answer: (system, plan) => descend(system, plan, { bound: (size) => size }),
      diagnosis:
        'The bound is the residual itself. The error is $A^{-1}r$, and $A^{-1}$ stretches by up to $1/\\mu$: where $A$ is flat, a small residual may hide a large error.',
    },
    {
      name: 'the bound multiplied by μ',
      answer: (system, plan) => descend(system, plan, { bound: (size, mu) => size * mu }),
      diagnosis:
        'The residual is multiplied by $\\mu$. Multiplying leads from errors to residuals, $r = A e$; here the way back is asked for.',
    },
    {
      name: 'two products per step',
      answer(system, plan) {
        const result = descend(system, plan);
        for (let k = 0; k < result.steps + 2; k++) system.A.apply(result.value);
        return result;
      },
      diagnosis:
        'The numbers are right, but each step makes two products: one for the step, one for the residual. They are the same vector, $b - Av$.',
      caughtBy: 'costs one product a step',
    },
  ],
  alternatives: [
    {
      name: 'the residual carried along',
      answer({ A, b, mu }, { start, alpha, tolerance, most }) {
        const v = Array.from(start);
        const Av = A.apply(start);
        let r = b.map((value, i) => value - Av[i]!);
        let steps = 0;
        for (; steps < most && norm(r) > tolerance * norm(b); steps++) {
          for (let i = 0; i < v.length; i++) v[i]! += alpha * r[i]!;
          const Ar = A.apply(r);
          r = r.map((value, i) => value - alpha * Ar[i]!);
        }
        return { value: v, steps, bound: norm(r) / mu };
      },
    },
    {
      name: 'recursive',
      answer({ A, b, mu }, { start, alpha, tolerance, most }) {
        const go = (v: Float64Array, steps: number): Descended => {
          const r = axpy(-1, A.apply(v), b);
          const done = norm(r) <= tolerance * norm(b) || steps === most;
          return done ? { value: v, steps, bound: norm(r) / mu } : go(axpy(alpha, r, v), steps + 1);
        };
        return go(start, 0);
      },
    },
    {
      name: 'as fixed-point steps, asynchronous',
      async answer({ A, b, mu }, { start, alpha, tolerance, most }) {
        let v = start;
        let Av = A.apply(v);
        const left = () => norm(axpy(-1, Av, b));
        let steps = 0;
        for (; left() > tolerance * norm(b) && steps < most; steps++) {
          v = v.map((value, i) => value - alpha * Av[i]! + alpha * b[i]!);
          Av = A.apply(v);
        }
        return { value: v, steps, bound: left() / mu };
      },
    },
  ],
  hints: [
    'Gradient descent on $\\varphi(v) = \\frac12 v^\\top A v - b^\\top v$. Its negative gradient is the residual $r = b - Av$, which is also what the stopping rule needs: one product serves both.',
    '$r_k = b - A v_k$; while $\\lVert r_k\\rVert > \\text{tolerance}\\,\\lVert b\\rVert$ and steps are left: $v_{k+1} = v_k + \\alpha r_k$. For the bound: $v_k - A^{-1}b = -A^{-1}r_k$.',
    'The residual is looked at before each step and once at the end:\n```ts\nlet value = start;\nlet r = residual(value);\nlet steps = 0;\nwhile (norm(r) > tolerance * norm(b) && steps < most) {\n  value = // a step along r\n  r = residual(value);\n  steps++;\n}\nreturn { value, steps, bound: /* norm(r) and mu */ };\n```',
  ],
};
