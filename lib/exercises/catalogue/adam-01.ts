import { cg } from '../../solvers';
import type { LinearOperator } from '../../spaces';
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

type Vector = Float64Array;

/** What Adam remembers, and how many steps it has taken. */
interface State {
  x: Vector;
  m: Vector;
  v: Vector;
  /** The number of this step: 1 for the first. */
  t: number;
}

/** What is known of the loss at x. */
interface Slope {
  gradient: Vector;
  curvature: CountedOperator;
}

interface Rates {
  delta: number;
  beta1: number;
  beta2: number;
  epsilon: number;
}

type Step = (state: State, slope: Slope, rates: Rates) => { x: Vector; m: Vector; v: Vector };

/** What a step does; mutants do something else. */
interface Rules {
  /** What H is multiplied by in the system. */
  factor(delta: number, k: number, beta1: number): number;
  correctFirst: boolean;
  correctSecond: boolean;
  epsilonInside: boolean;
  /** Whether the momentum is that of the end of the step. */
  momentumAtEnd: boolean;
}

const right: Rules = {
  factor: (delta, k, beta1) => delta * k * (1 - beta1),
  correctFirst: true,
  correctSecond: true,
  epsilonInside: false,
  momentumAtEnd: true,
};

function step(
  { x, m, v, t }: State,
  { gradient, curvature }: Slope,
  { delta, beta1, beta2, epsilon }: Rates,
  changed: Partial<Rules> = {},
) {
  const rules = { ...right, ...changed };
  const k = rules.correctFirst ? 1 / (1 - beta1 ** t) : 1;
  const whole = rules.correctSecond ? 1 - beta2 ** t : 1;
  const average = m.map((value, i) => beta1 * value + (1 - beta1) * gradient[i]!);
  const squares = v.map((value, i) => beta2 * value + (1 - beta2) * gradient[i]! ** 2);
  const D = squares.map((value) =>
    rules.epsilonInside ? Math.sqrt(value / whole + epsilon) : Math.sqrt(value / whole) + epsilon,
  );
  const s = solve(D, rules.factor(delta, k, beta1), curvature, average);
  const moved = x.map((value, i) => value - delta * k * s[i]!);
  const momentum = rules.momentumAtEnd ? D.map((d, i) => d * s[i]!) : average;
  return { x: moved, m: momentum, v: squares };
}

/** s with (D + cH) s = b, by conjugate gradients with the preconditioner D. */
function solve(D: Vector, c: number, H: LinearOperator<Vector>, b: Vector): Vector {
  const A: LinearOperator<Vector> = {
    apply(u) {
      const Hu = H.apply(u);
      return u.map((value, i) => D[i]! * value + c * Hu[i]!);
    },
    dispose() {},
  };
  const preconditioner: LinearOperator<Vector> = {
    apply: (u) => u.map((value, i) => value / D[i]!),
    dispose() {},
  };
  return cg({ tolerance: 1e-12, maxIterations: 200, preconditioner }).solveSync(A, b).value;
}

/** `shift · I + R Rᵀ`. */
function positive(seed: number, n: number, rank: number, shift: number): Matrix {
  const R = randomMatrix(seed, n, rank);
  return shiftedMatrix(shift, product(R, transposed(R)));
}

function state(seed: number, n: number, t: number): State {
  return t === 1
    ? { x: randomVector(seed, n), m: new Float64Array(n), v: new Float64Array(n), t }
    : {
        x: randomVector(seed, n),
        m: randomVector(seed + 1, n, 0.5),
        v: randomVector(seed + 2, n).map((value) => 0.1 + value * value),
        t,
      };
}

const slope = (seed: number, H: Matrix): Slope => ({
  gradient: randomVector(seed, H.length),
  curvature: countedMatrix(H),
});

const flat = (n: number): Matrix => Array.from({ length: n }, () => new Array<number>(n).fill(0));

const usual = { beta1: 0.9, beta2: 0.999 };

export const exercise: Exercise<Step> = {
  id: 'adam-01',
  lesson: '06',
  title: 'One step of implicit Adam',
  difficulty: 3,
  minutes: 30,
  needs: ['06', 'cg-01'],
  reference: (state, slope, rates) => step(state, slope, rates),
  probes: [
    {
      name: 'first step',
      args: () => [
        state(1, 5, 1),
        slope(2, positive(3, 5, 5, 0.2)),
        { ...usual, delta: 0.7, epsilon: 1e-3 },
      ],
    },
    {
      name: 'later step',
      args: () => [
        state(11, 6, 7),
        slope(14, positive(15, 6, 6, 0.2)),
        { beta1: 0.8, beta2: 0.99, delta: 3, epsilon: 0.02 },
      ],
    },
    {
      name: 'flat loss',
      args: () => [state(21, 4, 3), slope(24, flat(4)), { ...usual, delta: 0.1, epsilon: 1e-3 }],
    },
    {
      name: 'large',
      args: () => [
        state(31, 50, 4),
        slope(34, positive(35, 50, 2, 0)),
        { ...usual, delta: 0.5, epsilon: 1e-3 },
      ],
    },
  ],
  tolerance: 1e-5,
  properties: [
    {
      name: 'uses products only',
      complaint: ({ probe, args: [, { curvature }] }) =>
        probe === 'large' && curvature.products > 45
          ? `On the large probe (50 parameters, a curvature of rank 2) it took ${curvature.products} products. Conjugate gradients with the preconditioner D need about 4.`
          : undefined,
    },
    {
      name: 'is Adam where the loss has no curvature',
      complaint({ probe, args: [{ x, m, v, t }, { gradient }, rates], result }) {
        if (probe !== 'flat loss') return undefined;
        const { delta, beta1, beta2, epsilon } = rates;
        const gap = Math.max(
          ...x.map((value, i) => {
            const mean = beta1 * m[i]! + (1 - beta1) * gradient[i]!;
            const square = beta2 * v[i]! + (1 - beta2) * gradient[i]! ** 2;
            const step =
              (delta * mean) / (1 - beta1 ** t) / (Math.sqrt(square / (1 - beta2 ** t)) + epsilon);
            return Math.abs(result.x[i]! - (value - step));
          }),
        );
        return gap > 1e-6
          ? `With H = 0 it should be a step of Adam, and differs from it by up to ${gap.toPrecision(2)}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'explicit Adam',
      answer: (state, slope, rates) => step(state, slope, rates, { factor: () => 0 }),
      diagnosis:
        'The curvature is not used: this is a step of Adam. On the flat probe that is right, elsewhere the gradient at the *end* of the step is wanted.',
    },
    {
      name: 'the momentum at the start',
      answer: (state, slope, rates) => step(state, slope, rates, { momentumAtEnd: false }),
      diagnosis:
        'The position is right, but the momentum handed on is $\\tilde m$, made of the gradient at the start. Backward Euler takes both at the end: $m^+ = \\beta_1 m + (1 - \\beta_1)\\nabla F(x^+)$.',
    },
    {
      name: 'the factor 1 − β₁ in the system',
      answer: (state, slope, rates) =>
        step(state, slope, rates, { factor: (delta, k) => delta * k }),
      diagnosis:
        'The system is $D + \\delta k H$. Only the share $1 - \\beta_1$ of $m^+$ is the gradient at the end, and only that share brings $H$ into the system.',
    },
    {
      name: 'the bias correction in the system',
      answer: (state, slope, rates) =>
        step(state, slope, rates, { factor: (delta, _, beta1) => delta * (1 - beta1) }),
      diagnosis:
        'The step is multiplied by $k$, the curvature in the system is not. Both come from the same $-\\delta k D^{-1}m^+$.',
    },
    {
      name: 'the bias of the first average',
      answer: (state, slope, rates) => step(state, slope, rates, { correctFirst: false }),
      diagnosis:
        '$k = 1/(1 - \\beta_1^t)$ is missing: the first steps are then a tenth of what they should be.',
    },
    {
      name: 'the bias of the second average',
      answer: (state, slope, rates) => step(state, slope, rates, { correctSecond: false }),
      diagnosis:
        '$D$ is made of $v^+$ itself, which begins near 0. It has to be divided by $1 - \\beta_2^t$ before the root.',
    },
    {
      name: 'ε under the root',
      answer: (state, slope, rates) => step(state, slope, rates, { epsilonInside: true }),
      diagnosis:
        '$\\varepsilon$ is added under the root. In Adam it stands outside: $D = \\operatorname{diag}\\sqrt{\\hat v} + \\varepsilon$.',
    },
    {
      name: 'Adam, fed with an implicit direction',
      answer(state, { gradient, curvature }, rates) {
        const ones = new Float64Array(gradient.length).fill(1);
        const direction = solve(ones, rates.delta, curvature, gradient);
        return step(state, { gradient: direction, curvature }, rates, { factor: () => 0 });
      },
      diagnosis:
        'The gradient is replaced by $(I + \\delta H)^{-1}g$ and given to Adam. That is definition A of the lesson: $\\delta$ counts twice, and Adam divides away what the solve gained. Wanted is C.',
    },
  ],
  alternatives: [
    {
      name: 'from the product, not from D',
      answer({ x, m, v, t }, { gradient, curvature }, { delta, beta1, beta2, epsilon }) {
        const k = 1 / (1 - beta1 ** t);
        const average = m.map((value, i) => beta1 * value + (1 - beta1) * gradient[i]!);
        const squares = v.map((value, i) => beta2 * value + (1 - beta2) * gradient[i]! ** 2);
        const D = squares.map((value) => Math.sqrt(value / (1 - beta2 ** t)) + epsilon);
        const direction = solve(D, delta * k * (1 - beta1), curvature, average);
        const s = direction.map((value) => -delta * k * value);
        const Hs = curvature.apply(s);
        return {
          x: x.map((value, i) => value + s[i]!),
          m: average.map((value, i) => value + (1 - beta1) * Hs[i]!),
          v: squares,
        };
      },
    },
    {
      name: 'in scaled coordinates, asynchronous',
      async answer({ x, m, v, t }, { gradient, curvature }, { delta, beta1, beta2, epsilon }) {
        const k = 1 / (1 - beta1 ** t);
        const squares = v.map((value, i) => beta2 * value + (1 - beta2) * gradient[i]! ** 2);
        const root = squares.map((value) =>
          Math.sqrt(Math.sqrt(value / (1 - beta2 ** t)) + epsilon),
        );
        const scaled: LinearOperator<Vector> = {
          apply(u) {
            const Hu = curvature.apply(u.map((value, i) => value / root[i]!));
            return u.map((value, i) => value + (delta * k * (1 - beta1) * Hu[i]!) / root[i]!);
          },
          dispose() {},
        };
        const b = m.map((value, i) => (beta1 * value + (1 - beta1) * gradient[i]!) / root[i]!);
        const { value: y } = await cg({ tolerance: 1e-12, maxIterations: 200 }).solve(scaled, b);
        return {
          x: x.map((value, i) => value - (delta * k * y[i]!) / root[i]!),
          m: y.map((value, i) => value * root[i]!),
          v: squares,
        };
      },
    },
  ],
  hints: [
    'Everything but the gradient is as in Adam. Put $\\nabla F(x^+) \\approx g + H s$ with $s = x^+ - x$ into $m^+$, then $m^+$ into the step, and collect what multiplies $s$.',
    '$\\big(D + \\delta k(1 - \\beta_1)H\\big)\\,s = -\\delta k\\,\\tilde m$ with $\\tilde m = \\beta_1 m + (1 - \\beta_1)g$, $k = 1/(1 - \\beta_1^t)$, $D = \\operatorname{diag}\\sqrt{v^+/(1 - \\beta_2^t)} + \\varepsilon$. Then $x^+ = x + s$ and $m^+ = -Ds/(\\delta k)$.',
    'With the `solved(D, c, H, b)` that is given, which returns $(D + cH)^{-1}b$:\n```ts\nconst k = 1 / (1 - beta1 ** t);\nconst average = m.map((value, i) => beta1 * value + (1 - beta1) * gradient[i]);\nconst squares = v.map((value, i) => beta2 * value + (1 - beta2) * gradient[i] ** 2);\nconst D = squares.map((value) => Math.sqrt(value / (1 - beta2 ** t)) + epsilon);\nconst u = solved(D, /* c */, curvature, average);\n// x moves by -delta k u; what is m now?\n```',
  ],
};
