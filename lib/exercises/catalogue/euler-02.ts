import type { Exercise } from '../exercise';
import { type Matrix, multiply, norm, randomMatrix, shiftedMatrix, solveDense } from '../linear';

interface System {
  /** The right-hand side of `y' = f(y)`. */
  f(y: Float64Array): Float64Array;
  /** `∂f/∂y` as rows. */
  jacobian(y: Float64Array): Matrix;
}
type Step = (system: System, y: Float64Array, h: number) => Float64Array;

const plus = (x: Float64Array, t: number, d: ArrayLike<number>) =>
  x.map((value, i) => value + t * d[i]!);

/** Solves `y⁺ = start + h f((1 − w) y + w y⁺)` by Newton's method from y. */
function solved(
  { f, jacobian }: System,
  y: Float64Array,
  start: Float64Array,
  h: number,
  iterations = 50,
  w = 1,
): Float64Array {
  let x = y;
  for (let k = 0; k < iterations; k++) {
    const inside = plus(
      y.map((value) => (1 - w) * value),
      w,
      x,
    );
    const r = plus(plus(start, h, f(inside)), -1, x);
    x = plus(x, 1, solveDense(shiftedMatrix(1, jacobian(inside), -h * w), r));
  }
  return x;
}

const implicit: Step = (system, y, h) => solved(system, y, y, h);

/** `y' = −A(y + y³)`, each component with a cube of its own. */
function cubic(A: Matrix): System {
  return {
    f: (y) =>
      multiply(
        A,
        y.map((value) => value + value ** 3),
      ).map((value) => -value),
    jacobian: (y) => A.map((row) => row.map((a, j) => -a * (1 + 3 * y[j]! ** 2))),
  };
}

/** Van der Pol's oscillator with μ = 100. */
const oscillator: System = {
  f: ([x, v]) => Float64Array.of(v!, 100 * (1 - x! * x!) * v! - x!),
  jacobian: ([x, v]) => [
    [0, 1],
    [-200 * x! * v! - 1, 100 * (1 - x! * x!)],
  ],
};

export const exercise: Exercise<Step> = {
  id: 'euler-02',
  lesson: '01',
  title: 'Newton inside of a step',
  difficulty: 2,
  minutes: 20,
  needs: ['01', 'euler-01'],
  reference: implicit,
  probes: [
    {
      name: 'non-symmetric',
      args: () => [
        cubic(shiftedMatrix(3, randomMatrix(21, 3, 3, 0.7))),
        Float64Array.of(1, -0.5, 0.8),
        0.2,
      ],
    },
    { name: 'stiff (Van der Pol)', args: () => [oscillator, Float64Array.of(2, -0.3), 0.5] },
    { name: 'long step', args: () => [cubic([[2]]), Float64Array.of(3), 20] },
  ],
  properties: [
    {
      name: 'solves y⁺ = y + h f(y⁺)',
      complaint({ args: [{ f }, y, h], result }) {
        const residual = norm(plus(plus(y, h, f(result)), -1, result));
        return residual > 1e-7 * (1 + h * norm(f(y)))
          ? `Put into its own equation, your $y^+$ leaves a residual of ${residual.toPrecision(3)}; it should be 0 to rounding.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'an explicit step',
      answer: ({ f }, y, h) => plus(y, h, f(y)),
      diagnosis:
        'This is $y + h f(y)$, forward Euler. The slope has to be that at the end of the step, $f(y^+)$.',
    },
    {
      name: 'one Newton iteration',
      answer: (system, y, h) => solved(system, y, y, h, 1),
      diagnosis:
        'The system $(I - hJ)d = hf(y)$ was solved once, at the start of the step. That is the *linearised* implicit step: exact if $f$ is linear, but here $J$ changes on the way. Go on from where it led, with a new residual, until nothing moves any more.',
    },
    {
      name: 'the correction is added to y instead of the last iterate',
      answer: ({ f, jacobian }, y, h) => {
        let x = y;
        for (let k = 0; k < 2; k++) {
          const r = plus(plus(y, h, f(x)), -1, x);
          x = plus(y, 1, solveDense(shiftedMatrix(1, jacobian(x), -h), r));
        }
        return x;
      },
      diagnosis:
        'The second iteration begins at $y$ again, with a residual that belongs to another point. Newton corrects the *last iterate*: $y^+ \\leftarrow y^+ + d$.',
    },
    {
      name: 'the step goes backwards in time',
      answer: (system, y, h) => implicit(system, y, -h),
      diagnosis:
        "Your $y^+$ solves $y^+ = y - hf(y^+)$. Here $y' = f(y)$ without a minus; the minus stands in $I - hJ$, once $hf(y^+)$ has been brought to the left.",
    },
    {
      name: 'the trapezoid rule',
      answer: (system, y, h) => solved(system, y, plus(y, h / 2, system.f(y)), h / 2),
      diagnosis:
        'The slope is the mean of those at the start and at the end: the trapezoid rule. It is more accurate, and does not damp fast components.',
    },
    {
      name: 'the slope in the middle',
      answer: (system, y, h) => solved(system, y, y, h, 50, 1 / 2),
      diagnosis:
        'The slope is taken at $(y + y^+)/2$: the implicit midpoint rule. Backward Euler takes it at $y^+$.',
    },
    {
      name: 'h is missing',
      answer: (system, y) => implicit(system, y, 1),
      diagnosis: 'Your $y^+$ solves $y^+ = y + f(y^+)$, a step of length 1 whatever $h$ is.',
    },
  ],
  alternatives: [
    {
      name: 'until the correction is small',
      answer({ f, jacobian }, y, h) {
        let x = y.slice();
        for (let k = 0; k < 60; k++) {
          const M = shiftedMatrix(1, jacobian(x), -h);
          const d = solveDense(M, plus(plus(y, h, f(x)), -1, x));
          x = plus(x, 1, d);
          if (norm(d) < 1e-12 * (1 + norm(x))) break;
        }
        return x;
      },
    },
    {
      name: 'in ten smaller steps of h first, as a start for Newton',
      answer(system, y, h) {
        let x = y;
        for (let k = 1; k <= 10; k++) x = solvedFrom(system, y, x, (h * k) / 10);
        return Array.from(solvedFrom(system, y, x, h));
      },
    },
    {
      name: 'for the slope k instead of y⁺',
      answer({ f, jacobian }, y, h) {
        // k = f(y + h k), with (I − hJ) d = f(y + hk) − k.
        let k = new Float64Array(y.length);
        for (let i = 0; i < 60; i++) {
          const x = plus(y, h, k);
          const d = solveDense(shiftedMatrix(1, jacobian(x), -h), plus(f(x), -1, k));
          k = Float64Array.from(plus(k, 1, d));
        }
        return plus(y, h, k);
      },
    },
  ],
  hints: [
    'Write the equation as $r(x) = y + hf(x) - x = 0$. Newton needs the residual at the last iterate, and the derivative of $r$ there.',
    'The derivative of $r$ is $hJ - I$, so $(I - hJ(x))\\,d = r(x)$ and $x \\leftarrow x + d$. Begin with $x = y$ and repeat until $d$ is tiny.',
    'Nearly the code:\n```ts\nlet x = y.slice();\nfor (let k = 0; k < 50; k++) {\n  const slope = f(x);\n  const r = y.map((value, i) => value + h * slope[i] - /* … */);\n  const M = jacobian(x).map((row, i) => row.map((a, j) => (i === j ? 1 : 0) - /* … */));\n  const d = solve(M, r);\n  x = // corrected\n}\n```',
  ],
};

/** As `implicit`, with another start for Newton's method. */
function solvedFrom({ f, jacobian }: System, y: Float64Array, from: Float64Array, h: number) {
  let x = from;
  for (let k = 0; k < 30; k++) {
    const r = plus(plus(y, h, f(x)), -1, x);
    x = plus(x, 1, solveDense(shiftedMatrix(1, jacobian(x), -h), r));
  }
  return x;
}
