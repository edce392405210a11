import { cg, type LinearOperator } from 'implicit-lab';
import { type CountedOperator, countedMatrix } from '../counted';
import type { Exercise } from '../exercise';
import {
  type Matrix,
  product,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  solveDense,
  transposed,
} from '../linear';

type Vector = Float64Array;

/** What Adam remembers, and how many steps it has taken. */
interface State {
  w: Vector;
  m: Vector;
  v: Vector;
  /** The number of this step: 1 for the first. */
  t: number;
}

/** What is known of the loss at w. */
interface Slope {
  gradient: Vector;
  curvature: CountedOperator;
}

interface Rates {
  delta: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** The decay of the weights, `ω`. */
  decay: number;
}

type Step = (state: State, slope: Slope, rates: Rates) => { w: Vector; m: Vector; v: Vector };

/** What a step does; mutants do something else. */
interface Rules {
  /** What H is multiplied by in the system. */
  factor(delta: number, k: number, beta1: number): number;
  correctFirst: boolean;
  correctSecond: boolean;
  epsilonInside: boolean;
  /** The momentum that is handed on. */
  momentum(atEnd: number, average: number, k: number): number;
  /** Where the decay pulls from: the end of the step, its start, or after it. */
  decayAt: 'end' | 'start' | 'after' | 'nowhere';
  /** Whether the decay is divided by D, like the gradient. */
  decayInMetric: boolean;
}

const right: Rules = {
  factor: (delta, k, beta1) => delta * k * (1 - beta1),
  correctFirst: true,
  correctSecond: true,
  epsilonInside: false,
  momentum: (atEnd) => atEnd,
  decayAt: 'end',
  decayInMetric: false,
};

function step(
  { w, m, v, t }: State,
  { gradient, curvature }: Slope,
  { delta, beta1, beta2, epsilon, decay }: Rates,
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
  const pull = { end: decay, start: decay, after: 0, nowhere: 0 }[rules.decayAt];
  const atEnd = rules.decayAt === 'end' ? decay : 0;
  const metric = rules.decayInMetric ? D.map(() => 1) : D;
  // (D + δω M + δk(1 − β₁)H) s = −δ (k m̃ + ω M w), with M = D or I.
  const b = w.map((value, i) => -delta * (k * average[i]! + pull * metric[i]! * value));
  const shifted = D.map((d, i) => d + delta * atEnd * metric[i]!);
  const s = solve(shifted, rules.factor(delta, k, beta1), curvature, b);
  const shrink = rules.decayAt === 'after' ? 1 / (1 + delta * decay) : 1;
  const end = w.map((value, i) => (value + s[i]!) * shrink);
  const momentum = D.map((d, i) => {
    const decayed = w[i]! + (rules.decayAt === 'end' ? s[i]! : 0);
    const pulled = pull * metric[i]! * decayed;
    return rules.momentum(-(d * s[i]! + delta * pulled) / (delta * k), average[i]!, k);
  });
  return { w: end, m: momentum, v: squares };
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
    ? { w: randomVector(seed, n), m: new Float64Array(n), v: new Float64Array(n), t }
    : {
        w: randomVector(seed, n),
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

/** Enough parameters for a product per parameter to be noticed. */
const LARGE = 50;

const usual = { beta1: 0.9, beta2: 0.999, decay: 0.1 };

export const exercise: Exercise<Step> = {
  id: 'adam-01',
  lesson: '06',
  title: 'One step of implicit Adam with weight decay',
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
        { ...usual, delta: 0.7, epsilon: 1e-3, decay: 0.3 },
      ],
    },
    {
      name: 'later step',
      args: () => [
        state(11, 6, 7),
        slope(14, positive(15, 6, 6, 0.2)),
        { beta1: 0.8, beta2: 0.99, delta: 3, epsilon: 0.02, decay: 0.05 },
      ],
    },
    {
      name: 'flat loss',
      args: () => [state(21, 4, 3), slope(24, flat(4)), { ...usual, delta: 0.1, epsilon: 1e-3 }],
    },
    {
      name: 'large',
      args: () => [
        state(31, LARGE, 4),
        slope(34, positive(35, LARGE, 2, 0)),
        { ...usual, delta: 0.5, epsilon: 1e-3 },
      ],
    },
  ],
  fresh: (seed) => [
    state(seed, LARGE, 4),
    slope(seed + 3, positive(seed + 4, LARGE, 2, 0)),
    { ...usual, delta: 0.5, epsilon: 1e-3 },
  ],
  tolerance: 1e-5,
  properties: [
    {
      name: 'uses products only',
      complaint: ({ args: [{ w }, { curvature }] }) =>
        w.length === LARGE && curvature.products > 45
          ? `On the large probe (50 parameters, a curvature of rank 2) it took ${curvature.products} products. Conjugate gradients with the preconditioner D need about 4.`
          : undefined,
    },
    {
      name: 'satisfies the equation of the step',
      complaint({ probe, args: [{ w, t }, , { delta, beta1, beta2, epsilon, decay }], result }) {
        const k = 1 / (1 - beta1 ** t);
        const gap = Math.max(
          ...w.map((value, i) => {
            const D = Math.sqrt(result.v[i]! / (1 - beta2 ** t)) + epsilon;
            const pulled = (delta * k * result.m[i]!) / D + delta * decay * result.w[i]!;
            return Math.abs(result.w[i]! - value + pulled);
          }),
        );
        return gap > 1e-4 * (1 + Math.max(...w.map(Math.abs)))
          ? `On the ${probe} probe your $w^+$, $m^+$ and $v^+$ leave a residual of ${gap.toPrecision(2)} in $w^+ = w - \\delta k D^{-1} m^+ - \\delta\\omega w^+$.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'explicit Adam',
      answer: (state, slope, rates) => step(state, slope, rates, { factor: () => 0 }),
      diagnosis:
        'The curvature is not used: this is a step of Adam, with an implicit decay. On the flat probe that is right, elsewhere the gradient at the *end* of the step is wanted.',
    },
    {
      name: 'the decay is forgotten',
      answer: (state, slope, rates) => step(state, slope, rates, { decayAt: 'nowhere' }),
      diagnosis:
        'This is definition C of the lesson, without the decay: the term $-\\delta\\omega w^+$ is missing.',
    },
    {
      name: 'the decay at the start',
      answer: (state, slope, rates) => step(state, slope, rates, { decayAt: 'start' }),
      diagnosis:
        'The decay pulls from $w$, not from $w^+$. Taken at the end it adds $\\delta\\omega D$ to the matrix of the system.',
    },
    {
      name: 'the decay after the step',
      answer: (state, slope, rates) => step(state, slope, rates, { decayAt: 'after' }),
      diagnosis:
        'First the step without the decay, then $w^+$ divided by $1 + \\delta\\omega$: two half steps. The equation has the gradient and the decay at the same $w^+$.',
    },
    {
      name: 'the decay is divided by D',
      answer: (state, slope, rates) => step(state, slope, rates, { decayInMetric: true }),
      diagnosis:
        'The decay enters like a gradient, $\\delta D^{-1}\\omega w^+$ (a penalty in the loss would). Here it is decoupled: $\\delta\\omega w^+$, the same for all parameters. After multiplying by $D$ it has a $D$.',
    },
    {
      name: 'the momentum at the start',
      answer: (state, slope, rates) =>
        step(state, slope, rates, { momentum: (_, average) => average }),
      diagnosis:
        'The position is right, but the momentum handed on is $\\tilde m$, made of the gradient at the start. Backward Euler takes both at the end: $m^+ = \\beta_1 m + (1 - \\beta_1)\\nabla f(w^+)$.',
    },
    {
      name: 'the corrected momentum is handed on',
      answer: (state, slope, rates) =>
        step(state, slope, rates, { momentum: (atEnd, _, k) => k * atEnd }),
      diagnosis:
        'The position is right, but what is handed on is $\\hat m = k\\,m^+$. The correction is for this step only: the next one begins with $m^+$ itself.',
    },
    {
      name: 'the decay in the momentum',
      answer: (state, slope, rates) => {
        const result = step(state, slope, rates);
        const k = 1 / (1 - rates.beta1 ** state.t);
        const D = result.v.map(
          (value) => Math.sqrt(value / (1 - rates.beta2 ** state.t)) + rates.epsilon,
        );
        return {
          ...result,
          m: result.m.map((value, i) => value + (D[i]! * rates.decay * result.w[i]!) / k),
        };
      },
      diagnosis:
        'The position is right, but the momentum was read off the whole step, $m^+ = -D(w^+ - w)/(\\delta k)$. A part of the step is the decay: take it out first.',
    },
    {
      name: 'the squares of the gradient at the end',
      answer: (state, slope, rates) => {
        const result = step(state, slope, rates);
        const atEnd = result.m.map(
          (value, i) => (value - rates.beta1 * state.m[i]!) / (1 - rates.beta1),
        );
        const v = state.v.map(
          (value, i) => rates.beta2 * value + (1 - rates.beta2) * atEnd[i]! ** 2,
        );
        return { ...result, v };
      },
      diagnosis:
        '`v` is made of the gradient at the *end* of the step. The task takes $v^+$, and with it the metric $D$, from the gradient $g$ at $w$.',
    },
    {
      name: 'momentum explicit, curvature implicit (definition B)',
      answer: (state, slope, rates) => {
        const { w, m, v, t } = state;
        const { gradient, curvature } = slope;
        const k = 1 / (1 - rates.beta1 ** t);
        const average = m.map((value, i) => rates.beta1 * value + (1 - rates.beta1) * gradient[i]!);
        const squares = v.map(
          (value, i) => rates.beta2 * value + (1 - rates.beta2) * gradient[i]! ** 2,
        );
        const D = squares.map((value) => Math.sqrt(value / (1 - rates.beta2 ** t)) + rates.epsilon);
        const b = w.map(
          (value, i) => -rates.delta * (k * average[i]! + rates.decay * D[i]! * value),
        );
        const shifted = D.map((d) => d * (1 + rates.delta * rates.decay));
        const s = solve(shifted, rates.delta, curvature, b);
        return { w: w.map((value, i) => value + s[i]!), m: average, v: squares };
      },
      diagnosis:
        'The matrix has $\\delta H$, and the momentum handed on is the one at the start: definition B of the lesson, which treats $\\hat m$ as a gradient. In C the share $k(1 - \\beta_1)$ of the step is the gradient at the end, and $m^+$ is taken there, too.',
    },
    {
      name: 'the factor 1 − β₁ in the system',
      answer: (state, slope, rates) =>
        step(state, slope, rates, { factor: (delta, k) => delta * k }),
      diagnosis:
        'The system has $\\delta k H$. Only the share $1 - \\beta_1$ of $m^+$ is the gradient at the end, and only that share brings $H$ into the system.',
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
        'The gradient is replaced by $(I + \\delta H)^{-1}g$ and given to Adam. That is definition A of the lesson: it solves in the metric $I$, where $D$ belongs. Wanted is C, with the decay.',
    },
    {
      name: 'H is formed',
      answer({ w, m, v, t }, { gradient, curvature }, { delta, beta1, beta2, epsilon, decay }) {
        const k = 1 / (1 - beta1 ** t);
        const columns = Array.from(w, (_, j) => [
          ...curvature.apply(w.map((_, i) => (i === j ? 1 : 0))),
        ]);
        const average = m.map((value, i) => beta1 * value + (1 - beta1) * gradient[i]!);
        const squares = v.map((value, i) => beta2 * value + (1 - beta2) * gradient[i]! ** 2);
        const D = squares.map((value) => Math.sqrt(value / (1 - beta2 ** t)) + epsilon);
        const c = delta * k * (1 - beta1);
        const M = columns.map((row, i) =>
          row.map((h, j) => c * h + (i === j ? D[i]! * (1 + delta * decay) : 0)),
        );
        const b = w.map((value, i) => -delta * (k * average[i]! + decay * D[i]! * value));
        const s = solveDense(M, b);
        const end = w.map((value, i) => value + s[i]!);
        return {
          w: end,
          m: end.map((value, i) => (-D[i]! * (s[i]! + delta * decay * value)) / (delta * k)),
          v: squares,
        };
      },
      diagnosis:
        'The numbers are right, but $H$ was formed, one product for each parameter. `solved` needs its products only, and few of them.',
      caughtBy: 'uses products only',
    },
  ],
  alternatives: [
    {
      name: 'for w⁺ itself, and the momentum from the product',
      answer({ w, m, v, t }, { gradient, curvature }, { delta, beta1, beta2, epsilon, decay }) {
        const k = 1 / (1 - beta1 ** t);
        const average = m.map((value, i) => beta1 * value + (1 - beta1) * gradient[i]!);
        const squares = v.map((value, i) => beta2 * value + (1 - beta2) * gradient[i]! ** 2);
        const D = squares.map((value) => Math.sqrt(value / (1 - beta2 ** t)) + epsilon);
        const c = delta * k * (1 - beta1);
        // (D(1 + δω) + cH) w⁺ = D w + cH w − δk m̃
        const Hx = curvature.apply(w);
        const b = w.map((value, i) => D[i]! * value + c * Hx[i]! - delta * k * average[i]!);
        const end = solve(
          D.map((d) => d * (1 + delta * decay)),
          c,
          curvature,
          b,
        );
        const Hs = curvature.apply(end.map((value, i) => value - w[i]!));
        return {
          w: end,
          m: average.map((value, i) => value + (1 - beta1) * Hs[i]!),
          v: squares,
        };
      },
    },
    {
      name: 'in scaled coordinates, asynchronous',
      async answer(
        { w, m, v, t },
        { gradient, curvature },
        { delta, beta1, beta2, epsilon, decay },
      ) {
        const k = 1 / (1 - beta1 ** t);
        const squares = v.map((value, i) => beta2 * value + (1 - beta2) * gradient[i]! ** 2);
        const D = squares.map((value) => Math.sqrt(value / (1 - beta2 ** t)) + epsilon);
        const root = D.map((d) => Math.sqrt(d * (1 + delta * decay)));
        const scaled: LinearOperator<Vector> = {
          apply(u) {
            const Hu = curvature.apply(u.map((value, i) => value / root[i]!));
            return u.map((value, i) => value + (delta * k * (1 - beta1) * Hu[i]!) / root[i]!);
          },
          dispose() {},
        };
        const b = w.map(
          (value, i) =>
            (-delta * (k * (beta1 * m[i]! + (1 - beta1) * gradient[i]!) + decay * D[i]! * value)) /
            root[i]!,
        );
        const { value: y } = await cg({ tolerance: 1e-12, maxIterations: 200 }).solve(scaled, b);
        const s = y.map((value, i) => value / root[i]!);
        return {
          w: w.map((value, i) => value + s[i]!),
          m: w.map((value, i) => (-D[i]! * (s[i]! / delta + decay * (value + s[i]!))) / k),
          v: squares,
        };
      },
    },
  ],
  hints: [
    'Everything but the gradient and the decay is as in Adam. Put $\\nabla f(w^+) \\approx g + H s$ with $s = w^+ - w$ into $m^+$, then $m^+$ into the step, multiply by $D$, and collect what multiplies $s$.',
    '$\\big((1 + \\delta\\omega) D + \\delta k(1 - \\beta_1)H\\big)\\,s = -\\delta\\,(k\\tilde m + \\omega D w)$ with $\\tilde m = \\beta_1 m + (1 - \\beta_1)g$, $k = 1/(1 - \\beta_1^t)$, $D = \\operatorname{diag}\\sqrt{v^+/(1 - \\beta_2^t)} + \\varepsilon$. Then $w^+ = w + s$ and $m^+ = -D(s + \\delta\\omega w^+)/(\\delta k)$.',
    'With the `solved(D, c, H, b)` that is given, which returns $(D + cH)^{-1}b$:\n```ts\nconst k = 1 / (1 - beta1 ** t);\nconst average = m.map((value, i) => beta1 * value + (1 - beta1) * gradient[i]);\nconst squares = v.map((value, i) => beta2 * value + (1 - beta2) * gradient[i] ** 2);\nconst D = squares.map((value) => Math.sqrt(value / (1 - beta2 ** t)) + epsilon);\nconst s = solved(D.map((d) => /* … */), /* c */, curvature, /* b */);\n// w moves by s; what is m now?\n```',
  ],
};
