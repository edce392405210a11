import type { Exercise } from '../exercise';
import { type Matrix, norm, randomMatrix, shiftedMatrix, solveDense } from '../linear';

/** A smooth convex function. */
interface Convex {
  value(x: Float64Array): number;
  gradient(x: Float64Array): Float64Array;
  hessian(x: Float64Array): Matrix;
}
type Step = (F: Convex, x: Float64Array, delta: number) => Float64Array;

const plus = (x: Float64Array, t: number, d: ArrayLike<number>) =>
  x.map((value, i) => value + t * d[i]!);
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

/** `y − x + δ ∇F(y)`. */
const residual = (F: Convex, x: Float64Array, delta: number, y: Float64Array) =>
  plus(plus(y, -1, x), delta, F.gradient(y));

/** Newton's step for the residual at y. */
const newton = (F: Convex, x: Float64Array, delta: number, y: Float64Array) =>
  solveDense(shiftedMatrix(1, F.hessian(y), delta), residual(F, x, delta, y));

/** Damped Newton iterations from `start`; halved until the residual falls. */
function solved(F: Convex, x: Float64Array, delta: number, start = x): Float64Array {
  let y = start;
  for (let k = 0; k < 100; k++) {
    const size = norm(residual(F, x, delta, y));
    if (size <= 1e-13 * (1 + norm(x))) break;
    const d = newton(F, x, delta, y);
    let t = 1;
    while (t > 1e-9 && norm(residual(F, x, delta, plus(y, -t, d))) > (1 - t / 4) * size) t /= 2;
    if (t <= 1e-9) break;
    y = plus(y, -t, d);
  }
  return y;
}

const exact: Step = (F, x, delta) => solved(F, x, delta);

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
  title: 'The exact implicit step',
  difficulty: 3,
  minutes: 30,
  needs: ['02', 'euler-02', 'step-01'],
  reference: exact,
  probes: [
    {
      name: 'bend (√(1 + x²), δ = 50)',
      args: () => [bend(Float64Array.of(0)), Float64Array.of(2), 50],
    },
    {
      name: 'two-dimensional',
      args: () => [bend(Float64Array.of(1, -2)), Float64Array.of(9, 4), 7],
    },
    { name: 'logistic', args: () => [logistic(31, 5, 3), Float64Array.of(2, -1, 1), 20] },
    { name: 'fourth power', args: () => [sharp, Float64Array.of(3), 0.5] },
  ],
  properties: [
    {
      name: 'solves x⁺ = x − δ∇F(x⁺)',
      complaint({ args: [F, x, delta], result }) {
        const left = norm(residual(F, x, delta, result));
        return left > 1e-5 * delta * norm(F.gradient(x))
          ? `Put into its own equation, your $x^+$ leaves a residual of ${left.toPrecision(3)}; at $x$ itself it is ${(delta * norm(F.gradient(x))).toPrecision(3)}. Plain Newton iterations can run away: does the residual, or $\\Phi$, fall at each of yours?`
          : undefined;
      },
    },
    {
      name: 'does not raise F',
      complaint: ({ args: [F, x], result }) =>
        F.value(result) > F.value(x)
          ? `$F$ rises from ${F.value(x).toPrecision(4)} to ${F.value(result).toPrecision(4)}. The exact step never raises it, whatever $\\delta$ is.`
          : undefined,
    },
  ],
  mutants: [
    {
      name: 'the linearised step',
      answer: (F, x, delta) => plus(x, -1, newton(F, x, delta, x)),
      diagnosis:
        'One Newton step from $x$: exact on quadratics only. On the bend it leads from 2 to the other side, beyond $-6$. Go on until the equation itself holds.',
    },
    {
      name: 'a gradient step',
      answer: (F, x, delta) => plus(x, -delta, F.gradient(x)),
      diagnosis: 'This is $x - \\delta\\nabla F(x)$, the slope at the beginning of the step.',
    },
    {
      name: 'the minimum of F',
      answer: (F, x) => solved(F, x, 1e12),
      diagnosis:
        'This is where $\\nabla F = 0$, the limit for $\\delta \\to \\infty$. The step minimises $F(y) + \\lVert y - x \\rVert^2/2\\delta$: the second term holds it back.',
    },
    {
      name: 'δ is missing',
      answer: (F, x) => exact(F, x, 1),
      diagnosis:
        'Your $x^+$ solves $x^+ = x - \\nabla F(x^+)$, whatever $\\delta$ is. In $\\Phi$ the distance has the weight $1/2\\delta$.',
    },
    {
      name: 'the factor ½ of the distance',
      answer: (F, x, delta) => exact(F, x, delta / 2),
      diagnosis:
        'This minimises $F(y) + \\lVert y - x \\rVert^2/\\delta$, which is the step for $\\delta/2$. The derivative of the square brings a 2 down.',
    },
    {
      name: 'δ upside down',
      answer: (F, x, delta) => exact(F, x, 1 / delta),
      diagnosis:
        'This minimises $F(y) + \\tfrac{\\delta}{2}\\lVert y - x \\rVert^2$. A large rate has to mean a *weak* pull towards $x$.',
    },
    {
      name: 'two implicit steps',
      answer: (F, x, delta) => exact(F, exact(F, x, delta), delta),
      diagnosis:
        'The iterations move $x$ as well: the equation is that of a second step, begun where the first one ended. In $y - x + \\delta\\nabla F(y)$ only $y$ changes from one iteration to the next.',
    },
  ],
  alternatives: [
    {
      name: 'halved until Φ falls',
      answer(F, x, delta) {
        const phi = (y: Float64Array) => F.value(y) + norm(plus(y, -1, x)) ** 2 / (2 * delta);
        let y = x;
        for (let k = 0; k < 200; k++) {
          const r = residual(F, x, delta, y);
          const d = newton(F, x, delta, y);
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
      answer(F, x, delta) {
        let y = x;
        const stages = 60;
        for (let k = 1; k <= stages; k++) {
          const part = delta * 1e-3 ** (1 - k / stages);
          for (let i = 0; i < 6; i++) y = plus(y, -1, newton(F, x, part, y));
        }
        return y;
      },
    },
    {
      name: 'from the minimum of F, asynchronously',
      answer: async (F, x, delta) => solved(F, x, delta, solved(F, x, 100 * delta)),
    },
  ],
  hints: [
    'The linearised step is the first Newton step for $r(y) = y - x + \\delta\\nabla F(y)$. Repeat it from where it led. Then the trouble of the lesson comes back: from $x = 2$ it jumps too far. How does one keep Newton from running away?',
    'Newton at $y$: $(I + \\delta H(y))\\,d = r(y)$. Then try $y - d$, $y - d/2$, $y - d/4$, … and take the first one at which $\\lVert r \\rVert$, or $\\Phi(y) = F(y) + \\lVert y - x \\rVert^2/2\\delta$, is smaller than at $y$. For a convex $F$ there is one.',
    'Nearly the code:\n```ts\nlet y = x.slice();\nfor (let k = 0; k < 100; k++) {\n  const r = residual(y);\n  if (norm(r) < 1e-12) break;\n  const M = F.hessian(y).map((row, i) => row.map((h, j) => (i === j ? 1 : 0) + delta * h));\n  const d = solve(M, r);\n  let t = 1;\n  while (t > 1e-9 && /* the residual at y − t d is not smaller */) t /= 2;\n  y = y.map((value, i) => value - t * d[i]);\n}\n```',
  ],
};
