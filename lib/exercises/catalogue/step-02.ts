import type { Exercise } from '../exercise';
import { type Matrix, norm, randomMatrix, solveDense } from '../linear';

/** A smooth convex function. */
interface Convex {
  value(x: Float64Array): number;
  gradient(x: Float64Array): Float64Array;
  hessian(x: Float64Array): Matrix;
}
/** The metric is D, a positive diagonal. */
type Step = (f: Convex, w: Float64Array, delta: number, metric: Float64Array) => Float64Array;

const plus = (x: Float64Array, t: number, d: ArrayLike<number>) =>
  x.map((value, i) => value + t * d[i]!);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

type Given = [w: Float64Array, delta: number, metric: Float64Array];

const scaled = (D: Float64Array, x: Float64Array) => x.map((value, i) => D[i]! * value);
const inverse = (D: Float64Array) => D.map((d) => 1 / d);

/** `D (y − w) + δ ∇f(y)`. */
const residual = (f: Convex, [w, delta, D]: Given, y: Float64Array) =>
  plus(scaled(D, plus(y, -1, w)), delta, f.gradient(y));

/** Newton's step for the residual at y. */
const newton = (f: Convex, given: Given, y: Float64Array) => {
  const [, delta, D] = given;
  const M = f.hessian(y).map((row, i) => row.map((h, j) => delta * h + (i === j ? D[i]! : 0)));
  return solveDense(M, residual(f, given, y));
};

/** Damped Newton iterations from `start`; halved until the residual falls. */
function solved(f: Convex, given: Given, start = given[0]): Float64Array {
  let y = start;
  for (let k = 0; k < 100; k++) {
    const size = norm(residual(f, given, y));
    if (size <= 1e-13 * (1 + norm(given[0]))) break;
    const d = newton(f, given, y);
    let t = 1;
    while (t > 1e-9 && norm(residual(f, given, plus(y, -t, d))) > (1 - t / 4) * size) t /= 2;
    if (t <= 1e-9) break;
    y = plus(y, -t, d);
  }
  return y;
}

const exact: Step = (f, ...given) => solved(f, given);

/** `√(1 + ‖x − c‖²)`, straight far away from c. */
function bend(c: Float64Array): Convex {
  const height = (x: Float64Array) => Math.hypot(1, norm(plus(x, -1, c)));
  return {
    value: height,
    gradient: (x) => plus(x, -1, c).map((value) => value / height(x)),
    hessian(x) {
      const r = height(x);
      const d = plus(x, -1, c);
      return Array.from(d, (a, i) =>
        Array.from(d, (b, j) => (i === j ? 1 / r : 0) - (a * b) / r ** 3),
      );
    },
  };
}

const log1pExp = (z: number) => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
const sigmoid = (z: number) => 1 / (1 + Math.exp(-z));

/** Logistic regression on a few examples, and a little of `‖x‖²`. */
function logistic(seed: number, examples: number, n: number): Convex {
  const A = randomMatrix(seed, examples, n, 3);
  const at = (x: Float64Array) => A.map((row) => dot(row, x));
  return {
    value: (x) => at(x).reduce((sum, z) => sum + log1pExp(z), 0) + 0.005 * dot(x, x),
    gradient: (x) =>
      x.map((value, j) => at(x).reduce((sum, z, i) => sum + sigmoid(z) * A[i]![j]!, 0.01 * value)),
    hessian: (x) =>
      Array.from(x, (_, j) =>
        Array.from(x, (_, k) =>
          at(x).reduce(
            (sum, z, i) => sum + sigmoid(z) * sigmoid(-z) * A[i]![j]! * A[i]![k]!,
            j === k ? 0.01 : 0,
          ),
        ),
      ),
  };
}

const sharp: Convex = {
  value: ([x]) => x! ** 4 / 4,
  gradient: ([x]) => Float64Array.of(x! ** 3),
  hessian: ([x]) => [[3 * x! ** 2]],
};

export const exercise: Exercise<Step> = {
  id: 'step-02',
  lesson: '02',
  title: 'The exact implicit step, in a metric',
  difficulty: 3,
  minutes: 30,
  needs: ['02', 'euler-02', 'step-01'],
  reference: exact,
  probes: [
    {
      name: 'bend (√(1 + w²))',
      args: () => [bend(Float64Array.of(0)), Float64Array.of(2), 50, Float64Array.of(0.8)],
    },
    {
      name: 'two-dimensional',
      args: () => [bend(Float64Array.of(1, -2)), Float64Array.of(9, 4), 7, Float64Array.of(0.4, 3)],
    },
    {
      name: 'logistic',
      args: () => [logistic(31, 5, 3), Float64Array.of(2, -1, 1), 20, Float64Array.of(5, 0.3, 1.2)],
    },
    {
      name: 'fourth power',
      args: () => [sharp, Float64Array.of(3), 0.5, Float64Array.of(1.6)],
    },
  ],
  properties: [
    {
      name: 'solves D (w⁺ − w) = −δ∇f(w⁺)',
      complaint({ args: [f, ...given], result, probe }) {
        const scale = given[1] * norm(f.gradient(given[0]));
        const left = norm(residual(f, given, result));
        return left > 1e-5 * scale
          ? `On the ${probe} probe, put into its own equation, your $w^+$ leaves a residual of ${left.toPrecision(3)}; at $w$ itself it is ${scale.toPrecision(3)}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the metric is ignored',
      answer: (f, w, delta) =>
        exact(
          f,
          w,
          delta,
          w.map(() => 1),
        ),
      diagnosis:
        'Your $w^+$ solves $w^+ = w - \\delta\\nabla f(w^+)$, as in the lesson. Here $D^{-1}$ stands before the gradient.',
    },
    {
      name: 'D instead of its inverse',
      answer: (f, w, delta, D) => exact(f, w, delta, inverse(D)),
      diagnosis:
        'Your $w^+$ solves $w^+ = w - \\delta D\\,\\nabla f(w^+)$. A large entry of $D$ has to mean a *short* step of that parameter.',
    },
    {
      name: 'the square of D',
      answer: (f, w, delta, D) => exact(f, w, delta, scaled(D, D)),
      diagnosis:
        'The distance is measured with $D^2$: $(y - w)^\\top D^2 (y - w)$. The metric is $(y - w)^\\top D\\,(y - w)$.',
    },
    {
      name: 'the linearised step',
      answer: (f, ...given) => plus(given[0], -1, newton(f, given, given[0])),
      diagnosis:
        'One Newton step from $w$: exact on quadratics only. On the bend it leads far beyond the minimum. Go on until the equation itself holds.',
    },
    {
      name: 'the linearised step, halved until f falls',
      answer: (f, ...given) => {
        const [w] = given;
        const s = newton(f, given, w);
        const down = dot(s, f.gradient(w));
        let t = 1;
        while (f.value(plus(w, -t, s)) > f.value(w) - 1e-4 * t * down && t > 1e-12) t /= 2;
        return plus(w, -t, s);
      },
      diagnosis:
        'The linearised step was made shorter until $f$ falls. Then it does no harm, but it does not satisfy the equation: another linear system, from where it led, is needed, and another.',
    },
    {
      name: 'the linearised step with a smaller rate',
      answer(f, w, delta, D) {
        for (let [d, k] = [delta, 0]; ; d /= 4, k++) {
          const end = plus(w, -1, newton(f, [w, d, D], w));
          const moved = plus(end, -1, w);
          const off = norm(plus(moved, d, scaled(inverse(D), f.gradient(end))));
          if (off <= norm(moved) / 2 || k > 30) return end;
        }
      },
      diagnosis:
        'The rate was made smaller until the linearised step nearly satisfies the equation, for *that* rate. The task asks for the solution for the rate that is given.',
    },
    {
      name: 'the iteration without a system',
      answer(f, w, delta, D) {
        let y = w;
        for (let k = 0; k < 100; k++) {
          y = plus(w, -delta, scaled(inverse(D), f.gradient(y)));
        }
        return y;
      },
      diagnosis:
        'The equation was iterated as it stands. That converges only where $\\delta D^{-1}H$ is below 1; for the rates here it jumps between two points, or explodes. Newton solves a linear system in each iteration.',
    },
    {
      name: 'a gradient step',
      answer: (f, w, delta, D) => plus(w, -delta, scaled(inverse(D), f.gradient(w))),
      diagnosis:
        'This is $w - \\delta D^{-1}\\nabla f(w)$, with the slope at the beginning of the step.',
    },
    {
      name: 'the minimum of f',
      answer: (f, w, _, D) => solved(f, [w, 1e12, D]),
      diagnosis:
        'This is where $\\nabla f = 0$, the limit for $\\delta \\to \\infty$. The distance to $w$ holds the step back.',
    },
    {
      name: 'δ is missing',
      answer: (f, w, _, D) => exact(f, w, 1, D),
      diagnosis: 'Your $w^+$ solves the equation for $\\delta = 1$, whatever $\\delta$ is.',
    },
    {
      name: 'the factor ½ of the distance',
      answer: (f, w, delta, D) => exact(f, w, delta / 2, D),
      diagnosis:
        'This is the step for $\\delta/2$, as it comes out without the ½ in front of the squared distance: the derivative of the square brings a 2 down.',
    },
    {
      name: 'δ upside down',
      answer: (f, w, delta, D) => exact(f, w, 1 / delta, D),
      diagnosis:
        'This is the step for $1/\\delta$. A large rate has to mean a *weak* pull towards $w$.',
    },
    {
      name: 'two implicit steps',
      answer: (f, w, delta, D) => exact(f, exact(f, w, delta, D), delta, D),
      diagnosis:
        'The result is that of a second step, begun where the first one ended. In $D(y - w) + \\delta\\nabla f(y)$ only $y$ changes from one iteration to the next.',
    },
  ],
  alternatives: [
    {
      name: 'halved until Φ falls',
      answer(f, ...given) {
        const [w, delta, D] = given;
        const phi = (y: Float64Array) => {
          const d = plus(y, -1, w);
          return f.value(y) + dot(d, scaled(D, d)) / (2 * delta);
        };
        let y = w;
        for (let k = 0; k < 200; k++) {
          const r = residual(f, given, y);
          const d = newton(f, given, y);
          let t = 1;
          while (t > 1e-10 && phi(plus(y, -t, d)) > phi(y) - (1e-4 * t * dot(r, d)) / delta) t /= 2;
          // Where rounding hides the last decrease of Φ, a whole step is right.
          y = plus(y, t > 1e-10 ? -t : -1, d);
          if (norm(d) < 1e-13 * (1 + norm(y))) break;
        }
        return Array.from(y);
      },
    },
    {
      name: 'by making δ larger little by little',
      answer(f, w, delta, D) {
        let y = w;
        const stages = 60;
        for (let k = 1; k <= stages; k++) {
          const part = delta * 1e-3 ** (1 - k / stages);
          for (let i = 0; i < 6; i++) y = plus(y, -1, newton(f, [w, part, D], y));
        }
        return y;
      },
    },
    {
      name: 'from the minimum of f, asynchronously',
      answer: async (f, w, delta, D) => solved(f, [w, delta, D], solved(f, [w, 100 * delta, D])),
    },
  ],
  hints: [
    'The linearised step is the first Newton step for $r(y) = D(y - w) + \\delta\\nabla f(y)$. Repeat it from where it led. Then the trouble of the lesson comes back: from $w = 2$ it jumps too far. How does one keep Newton from running away?',
    'Newton at $y$: $(D + \\delta H(y))\\,d = r(y)$. Then try $y - d$, $y - d/2$, $y - d/4$, … and take the first one at which $\\lVert r \\rVert$ is smaller than at $y$. For a convex $f$ there is one.',
    'Nearly the code:\n```ts\nlet y = w.slice();\nfor (let k = 0; k < 100; k++) {\n  const r = residual(y);\n  if (norm(r) < 1e-12) break;\n  const M = f.hessian(y).map((row, i) => row.map((h, j) => (i === j ? metric[i] : 0) + delta * h));\n  const d = solve(M, r);\n  let t = 1;\n  while (t > 1e-9 && /* the residual at y − t d is not smaller */) t /= 2;\n  y = y.map((value, i) => value - t * d[i]);\n}\n```',
  ],
};
