import { random } from 'implicit-lab';
import type { Exercise } from '../exercise';
import { type Matrix, multiply, product, solveDense, transposed } from '../linear';

/** r(w), n numbers, and its Jacobian, n × p. */
interface Residuals {
  value(w: Float64Array): Float64Array;
  jacobian(w: Float64Array): Matrix;
  /** How often the Jacobian was formed. */
  evaluations: number;
}

interface Attempt {
  w: Float64Array;
  delta: number;
  ratio: number;
}

type Step = (r: Residuals, w: Float64Array, delta: number) => Attempt;

const half = (v: ArrayLike<number>) => Array.from(v).reduce((sum, x) => sum + x * x, 0) / 2;
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, x, i) => sum + x * b[i]!, 0);

/** What a step does; mutants do something else. */
interface Rules {
  metric(G: Matrix): number[];
  /** What s is multiplied by. */
  factor(delta: number): number;
  promise(parts: { value: Float64Array; Jd: Float64Array; penalty: number }): number;
  ratio(gain: number, promise: number): number;
  takes(ratio: number): boolean;
  next(delta: number, ratio: number): number;
}

const right: Rules = {
  metric: (G) => G.map((row, i) => row[i]!),
  factor: (delta) => delta,
  promise: ({ value, Jd }) => half(value) - half(value.map((x, i) => x + Jd[i]!)),
  ratio: (gain, promise) => gain / promise,
  takes: (ratio) => ratio > 0,
  next: (delta, ratio) => (ratio > 0.75 ? 3 * delta : ratio < 0.25 ? delta / 2 : delta),
};

function attempt(r: Residuals, w: Float64Array, delta: number, changed: Partial<Rules> = {}) {
  const rules = { ...right, ...changed };
  const value = r.value(w);
  const J = r.jacobian(w);
  const G = product(transposed(J), J);
  const D = rules.metric(G);
  const A = G.map((row, i) => row.map((g, j) => delta * g + (i === j ? D[i]! : 0)));
  const s = solveDense(A, multiply(transposed(J), value));
  const d = s.map((x) => -rules.factor(delta) * x);
  const end = w.map((x, i) => x + d[i]!);
  const penalty = d.reduce((sum, x, i) => sum + D[i]! * x * x, 0) / (2 * delta);
  const promise = rules.promise({ value, Jd: multiply(J, d), penalty });
  const ratio = rules.ratio(half(value) - half(r.value(end)), promise);
  return { w: rules.takes(ratio) ? end : w.slice(), delta: rules.next(delta, ratio), ratio };
}

function residuals(
  value: (w: Float64Array) => Float64Array,
  jacobian: (w: Float64Array) => Matrix,
): Residuals {
  const counted: Residuals = {
    evaluations: 0,
    value,
    jacobian(w) {
      counted.evaluations += 1;
      return jacobian(w);
    },
  };
  return counted;
}

/** The Rosenbrock function as least squares. */
const valley = () =>
  residuals(
    ([x, y]) => Float64Array.of(10 * (y! - x! * x!), 1 - x!),
    ([x]) => [
      [-20 * x!, 10],
      [-1, 0],
    ],
  );

const TIMES = [0, 0.5, 1, 2];
const DATA = [2, 1.1, 0.9, 0.1];
/** a e^{−bt} through four points. */
const decay = (data = DATA) =>
  residuals(
    ([a, b]) => Float64Array.from(TIMES, (t, i) => a! * Math.exp(-b! * t) - data[i]!),
    ([a, b]) => TIMES.map((t) => [Math.exp(-b! * t), -a! * t * Math.exp(-b! * t)]),
  );

/** The same with an offset: a e^{−bt} + c. */
const offset = () =>
  residuals(
    ([a, b, c]) => Float64Array.from(TIMES, (t, i) => a! * Math.exp(-b! * t) + c! - DATA[i]!),
    ([a, b]) => TIMES.map((t) => [Math.exp(-b! * t), -a! * t * Math.exp(-b! * t), 1]),
  );

export const exercise: Exercise<Step> = {
  id: 'marquardt-01',
  lesson: '15',
  title: 'A step that knows how far to trust itself',
  difficulty: 2,
  minutes: 25,
  needs: ['15', 'step-01'],
  reference: (r, w, delta) => attempt(r, w, delta),
  probes: [
    { name: 'a curve through data', args: () => [decay(), Float64Array.of(1, 0.3), 1] },
    { name: 'a short step', args: () => [decay(), Float64Array.of(1, 0.3), 0.01] },
    { name: 'three parameters', args: () => [offset(), Float64Array.of(1, 0.5, 0.3), 3] },
    { name: 'too long', args: () => [valley(), Float64Array.of(-1.2, 1), 1e4] },
    { name: 'up the side of the valley', args: () => [valley(), Float64Array.of(-1.2, 1), 425] },
    { name: 'half right', args: () => [valley(), Float64Array.of(-1.2, 1), 320] },
  ],
  fresh: (seed) => {
    const { normal, uniform } = random(seed);
    const data = DATA.map((value) => value + 0.3 * normal());
    const w = Float64Array.of(1 + 0.2 * normal(), 0.3 + 0.1 * normal());
    return [decay(data), w, 0.5 + uniform()];
  },
  properties: [
    {
      name: 'never raises f',
      complaint({ args: [r, w], result }) {
        const [before, after] = [half(r.value(w)), half(r.value(result.w))];
        return after > before * (1 + 1e-12)
          ? `f was ${before.toPrecision(4)} and is ${after.toPrecision(4)} at the w that came back.`
          : undefined;
      },
    },
    {
      name: 'forms the Jacobian once',
      complaint: ({ args: [r] }) =>
        r.evaluations > 1
          ? `The Jacobian was formed ${r.evaluations} times. It is the expensive part; keep it.`
          : undefined,
    },
  ],
  mutants: [
    {
      name: 'the identity as the metric',
      answer: (r, w, delta) => attempt(r, w, delta, { metric: (G) => G.map(() => 1) }),
      diagnosis:
        'The system is solved with $I + \\delta J^\\top J$. Here the step is measured by $D$, the diagonal of $J^\\top J$, so that the unit of a parameter does not matter.',
    },
    {
      name: 'δ is missing in the step',
      answer: (r, w, delta) => attempt(r, w, delta, { factor: () => 1 }),
      diagnosis:
        'The step is $-s$. It is $-\\delta s$: as $\\delta \\to 0$, $s$ tends to $D^{-1} J^\\top r$, not to 0.',
    },
    {
      name: 'the promise of the slope alone',
      answer: (r, w, delta) =>
        attempt(r, w, delta, { promise: ({ value, Jd }) => -dot(value, Jd) }),
      diagnosis:
        'The promise is $-g^\\top d$, the decrease along the tangent. The model $\\tfrac12\\lVert r + Jd\\rVert^2$ has a quadratic term as well, which takes up to half of that back.',
    },
    {
      name: 'the penalty in the promise',
      answer: (r, w, delta) =>
        attempt(r, w, delta, {
          promise: ({ penalty, ...parts }) => right.promise({ ...parts, penalty }) - penalty,
        }),
      diagnosis:
        'The penalty $d^\\top D d / 2\\delta$ was subtracted from the promise. It holds the step back, but it is not part of what $f$ is predicted to be.',
    },
    {
      name: 'the ratio upside down',
      answer: (r, w, delta) => attempt(r, w, delta, { ratio: (gain, promise) => promise / gain }),
      diagnosis:
        'The ratio is the promise over the gain. It then grows where the step gains little, and δ is raised exactly where it should fall.',
    },
    {
      name: 'a factor of two in the ratio',
      answer: (r, w, delta) =>
        attempt(r, w, delta, { ratio: (gain, promise) => (2 * gain) / promise }),
      diagnosis:
        'The ratio is twice what it should be: one of the two differences has the factor ½ of $f = \\tfrac12\\lVert r\\rVert^2$ and the other has not.',
    },
    {
      name: 'a step that gains nothing is taken',
      answer: (r, w, delta) => attempt(r, w, delta, { takes: () => true }),
      diagnosis:
        'The new point is returned whatever the ratio is. Where it is 0 or less, the step has gained nothing: $w$ stays, and only δ changes.',
    },
    {
      name: 'δ is moved the wrong way',
      answer: (r, w, delta) =>
        attempt(r, w, delta, {
          next: (d, ratio) => (ratio > 0.75 ? d / 2 : ratio < 0.25 ? 3 * d : d),
        }),
      diagnosis:
        'δ falls after a good step and rises after a bad one. That is right for a *damping* $1/\\delta$; δ itself goes the other way.',
    },
  ],
  alternatives: [
    {
      name: 'with the damping 1/δ, and the promise from gradient and curvature',
      answer(r, w, delta) {
        const value = r.value(w);
        const J = r.jacobian(w);
        const G = product(transposed(J), J);
        const g = multiply(transposed(J), value);
        const A = G.map((row, i) => row.map((x, j) => (i === j ? x * (1 + 1 / delta) : x)));
        const d = solveDense(A, g).map((x) => -x);
        const end = w.map((x, i) => x + d[i]!);
        const ratio =
          (half(value) - half(r.value(end))) / (-dot(g, d) - dot(d, multiply(G, d)) / 2);
        return { w: ratio > 0 ? end : w, delta: right.next(delta, ratio), ratio };
      },
    },
    {
      name: 'asynchronous, with plain numbers',
      answer: async (r, w, delta) => {
        const { w: end, ...rest } = attempt(r, w, delta);
        return { ...rest, w: [...end] };
      },
    },
  ],
  hints: [
    'Three things come one after the other: the step, the ratio of what it gains to what its model promises, and what the ratio says of the step and of δ.',
    'The promise is $\\tfrac12\\lVert r\\rVert^2 - \\tfrac12\\lVert r + Jd\\rVert^2$, the gain $\\tfrac12\\lVert r\\rVert^2 - \\tfrac12\\lVert r(w + d)\\rVert^2$. Both have the same factor ½.',
    'Solve, then compare:\n```ts\nconst A = G.map((row, i) => row.map((x, j) => delta * x + (i === j ? G[i][i] : 0)));\nconst d = solveDense(A, multiply(transposed(J), value)).map((x) => -delta * x);\nconst ratio = /* gain */ / /* promise */;\n```',
  ],
};
