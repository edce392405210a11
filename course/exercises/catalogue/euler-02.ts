import type { Exercise } from '../exercise';
import {
  type Matrix,
  multiply,
  norm,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  solveDense,
} from '../linear';

interface System {
  /** The right-hand side of `y' = f(y)`. */
  f(y: Float64Array): Float64Array;
  /** `∂f/∂y` as rows. */
  jacobian(y: Float64Array): Matrix;
}
type Step = (system: System, before: Float64Array, y: Float64Array, h: number) => Float64Array;

const plus = (x: Float64Array, t: number, d: ArrayLike<number>) =>
  x.map((value, i) => value + t * d[i]!);

/** `a y + b before`. */
const history = (a: number, y: Float64Array, b: number, before: Float64Array) =>
  y.map((value, i) => a * value + b * before[i]!);

interface Plan {
  /** What is known: the equation is `x = known + share · h f(x)`. */
  known(y: Float64Array, before: Float64Array): Float64Array;
  share: number;
  iterations: number;
  /** What stands before h J in the matrix; −share is right. */
  slope(h: number): number;
  identity: number;
}

const right: Plan = {
  known: (y, before) => history(4 / 3, y, -1 / 3, before),
  share: 2 / 3,
  iterations: 60,
  slope: (h) => (-2 / 3) * h,
  identity: 1,
};

/** Newton's method from y, with something changed. */
function solved(
  { f, jacobian }: System,
  [before, y, h]: [Float64Array, Float64Array, number],
  changed: Partial<Plan> = {},
): Float64Array {
  const { known, share, iterations, slope, identity } = { ...right, ...changed };
  const start = known(y, before);
  let x = y;
  for (let k = 0; k < iterations; k++) {
    const r = plus(plus(start, share * h, f(x)), -1, x);
    x = plus(x, 1, solveDense(shiftedMatrix(identity, jacobian(x), slope(h)), r));
  }
  return x;
}

const step: Step = (system, ...given) => solved(system, given);

/** `y' = −A(y + y³/u²)`, each component with a cube of its own, for numbers of the size u. */
function cubic(A: Matrix, unit = 1): System {
  return {
    f: (y) =>
      multiply(
        A,
        y.map((value) => value + value * (value / unit) ** 2),
      ).map((value) => -value),
    jacobian: (y) => A.map((row) => row.map((a, j) => -a * (1 + 3 * (y[j]! / unit) ** 2))),
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

/** The equation, iterated as it stands. */
const fixedPoint: Step = ({ f }, before, y, h) => {
  let x = y;
  for (let k = 0; k < 300; k++) x = plus(right.known(y, before), (2 / 3) * h, f(x));
  return x;
};

export const exercise: Exercise<Step> = {
  id: 'euler-02',
  lesson: '01',
  title: 'Newton inside a step of second order',
  difficulty: 2,
  minutes: 20,
  needs: ['01', 'euler-01'],
  reference: step,
  probes: [
    {
      name: 'non-symmetric',
      args: () => [
        cubic(shiftedMatrix(3, randomMatrix(21, 3, 3, 0.7))),
        Float64Array.of(1.2, -0.6, 0.9),
        Float64Array.of(1, -0.5, 0.8),
        0.12,
      ],
    },
    {
      name: 'stiff (Van der Pol)',
      args: () => [oscillator, Float64Array.of(2.1, -0.25), Float64Array.of(2, -0.3), 0.5],
    },
    {
      name: 'long step',
      args: () => [cubic([[2]]), Float64Array.of(3.5), Float64Array.of(3), 20],
    },
    {
      name: 'shear',
      args: () => [
        cubic([
          [1, 6],
          [0, 1],
        ]),
        Float64Array.of(0.3, 0.7),
        Float64Array.of(0.2, 0.6),
        0.9,
      ],
    },
    {
      name: 'gentle',
      args: () => [
        cubic(shiftedMatrix(1, randomMatrix(22, 2, 2, 0.5))),
        Float64Array.of(0.5, 0.1),
        Float64Array.of(0.4, 0.2),
        0.05,
      ],
    },
    {
      // What moves little here may still be far from its end.
      name: 'small numbers (10⁻⁴)',
      args: () => [
        cubic(shiftedMatrix(1, randomMatrix(23, 2, 2, 0.5)), 1e-4),
        Float64Array.of(2.2e-4, -1.3e-4),
        Float64Array.of(2e-4, -1e-4),
        1.5,
      ],
    },
  ],
  fresh: (seed) => {
    const y = randomVector(seed + 1, 3, 0.6);
    const A = shiftedMatrix(3, randomMatrix(seed, 3, 3, 0.7));
    return [cubic(A), plus(y, 0.1, randomVector(seed + 2, 3)), y, 0.12];
  },
  properties: [
    {
      name: 'solves its equation',
      complaint({ args: [{ f }, before, y, h], result, probe }) {
        const known = right.known(y, before);
        const residual = norm(plus(plus(known, (2 / 3) * h, f(result)), -1, result));
        return residual > 1e-7 * (norm(y) + norm(known) + h * norm(f(y)))
          ? `On the ${probe} probe, put into the equation of the task, your $y^+$ leaves a residual of ${residual.toPrecision(3)}; it should be 0 to rounding.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'backward Euler',
      answer: (system, ...given) =>
        solved(system, given, { known: (y) => y, share: 1, slope: (h) => -h }),
      diagnosis:
        'Your $y^+$ solves $y^+ = y + hf(y^+)$: the step of first order. The point before $y$ does not occur.',
    },
    {
      name: 'the two known points are exchanged',
      answer: ({ f, jacobian }, before, y, h) => step({ f, jacobian }, y, before, h),
      diagnosis:
        'The weights $\\tfrac43$ and $-\\tfrac13$ are exchanged: the larger one belongs to the *last* point, $y$.',
    },
    {
      name: 'the factor ⅔ is missing before h f',
      answer: (system, ...given) => solved(system, given, { share: 1, slope: (h) => -h }),
      diagnosis:
        'The slope enters with $h$ instead of $\\tfrac23 h$. Check with $f = 1$, for which $y$ has to rise by $h$ a step.',
    },
    {
      name: 'an explicit step',
      answer: ({ f }, before, y, h) => plus(right.known(y, before), (2 / 3) * h, f(y)),
      diagnosis:
        'The slope is taken at $y$. It has to be that at the end of the step, $f(y^+)$, which is not known yet.',
    },
    {
      name: 'one Newton iteration',
      answer: (system, ...given) => solved(system, given, { iterations: 1 }),
      diagnosis:
        'The linear system was solved once, at $y$: exact if $f$ is linear, but here $J$ changes on the way. Go on from where it led, with a new residual, until nothing moves any more.',
    },
    {
      name: 'the correction is added to y instead of the last iterate',
      answer: ({ f, jacobian }, before, y, h) => {
        let x = y;
        for (let k = 0; k < 2; k++) {
          const r = plus(plus(right.known(y, before), (2 / 3) * h, f(x)), -1, x);
          x = plus(y, 1, solveDense(shiftedMatrix(1, jacobian(x), (-2 / 3) * h), r));
        }
        return x;
      },
      diagnosis:
        'The second iteration begins at $y$ again, with a residual that belongs to another point. Newton corrects the *last iterate*: $y^+ \\leftarrow y^+ + d$.',
    },
    {
      name: 'the step goes backwards in time',
      answer: (system, before, y, h) => step(system, before, y, -h),
      diagnosis:
        "Your $y^+$ is that for $-h$. Here $y' = f(y)$ without a minus; the minus is in the matrix, $I - \\tfrac23 hJ$, once $\\tfrac23 hf(y^+)$ is on the left.",
    },
    {
      name: 'h is missing',
      answer: (system, before, y) => step(system, before, y, 1),
      diagnosis: 'Your $y^+$ is that of a step of length 1, whatever $h$ is.',
    },
    {
      name: 'the iteration without a system',
      answer: fixedPoint,
      diagnosis:
        'The equation was iterated as it stands, $y^+ \\leftarrow \\dots + \\tfrac23 hf(y^+)$. That converges where $\\tfrac23 h\\lVert J \\rVert < 1$, as on the gentle probe, and explodes on the stiff ones. Newton solves a linear system in each iteration.',
    },
    {
      name: 'the sign of J in the matrix',
      answer: (system, ...given) =>
        solved(system, given, { slope: (h) => (2 / 3) * h, iterations: 50 }),
      diagnosis:
        "The matrix is $I + \\tfrac23 hJ$. With the residual $r(x) = \\dots + \\tfrac23 hf(x) - x$, the matrix is $-r'(x)$.",
    },
    {
      name: 'h is missing before J',
      answer: (system, ...given) => solved(system, given, { slope: () => -2 / 3, iterations: 50 }),
      diagnosis:
        'The matrix is $I - \\tfrac23 J$. The residual depends on $x$ through $\\tfrac23 hf(x)$: its derivative has the $h$ as well. With a wrong matrix the iterations creep, or run away.',
    },
    {
      name: 'the Jacobian is transposed',
      answer: ({ f, jacobian }, ...given) =>
        solved(
          {
            f,
            jacobian: (y) => {
              const J = jacobian(y);
              return J.map((row, i) => row.map((_, j) => J[j]![i]!));
            },
          },
          given,
        ),
      diagnosis:
        'The system is solved with $J^\\top$. With a wrong matrix Newton is a slower iteration, or none at all, as on the shear probe. Look whether `J[i][j]` or `J[j][i]` is used.',
    },
    {
      name: 'the identity is missing in the matrix',
      answer: (system, ...given) => solved(system, given, { identity: 0, iterations: 50 }),
      diagnosis:
        'The matrix is $-\\tfrac23 hJ$ alone. The residual contains $-x$ as well, and its derivative brings the identity.',
    },
  ],
  alternatives: [
    {
      name: 'until the correction is small',
      answer({ f, jacobian }, before, y, h) {
        let x = y.slice();
        for (let k = 0; k < 60; k++) {
          const M = shiftedMatrix(3, jacobian(x), -2 * h);
          const slope = f(x);
          const r = y.map((value, i) => 4 * value - before[i]! + 2 * h * slope[i]! - 3 * x[i]!);
          const d = solveDense(M, r);
          x = plus(x, 1, d);
          if (norm(d) < 1e-12 * (1 + norm(x))) break;
        }
        return x;
      },
    },
    {
      name: 'with h raised in ten stages, on plain numbers',
      answer(system, before, y, h) {
        let x = y;
        for (let k = 1; k <= 10; k++) x = from(system, [before, y, (h * k) / 10], x);
        return Array.from(from(system, [before, y, h], x));
      },
    },
    {
      name: 'for the slope k instead of y⁺',
      answer({ f, jacobian }, before, y, h) {
        // k = f(known + ⅔ h k), with (I − ⅔ hJ) d = f(…) − k.
        const known = right.known(y, before);
        let k: Float64Array = new Float64Array(y.length);
        for (let i = 0; i < 60; i++) {
          const x = plus(known, (2 / 3) * h, k);
          k = plus(
            k,
            1,
            solveDense(shiftedMatrix(1, jacobian(x), (-2 / 3) * h), plus(f(x), -1, k)),
          );
        }
        return plus(known, (2 / 3) * h, k);
      },
    },
  ],
  hints: [
    'Write the equation as $r(x) = \\tfrac43 y - \\tfrac13 y_- + \\tfrac23 hf(x) - x = 0$. Newton needs the residual at the last iterate, and the derivative of $r$ there.',
    'The derivative of $r$ is $\\tfrac23 hJ - I$, so $(I - \\tfrac23 hJ(x))\\,d = r(x)$ and $x \\leftarrow x + d$. Begin with $x = y$ and repeat until $d$ is tiny.',
    'Nearly the code:\n```ts\nlet x = y.slice();\nfor (let k = 0; k < 50; k++) {\n  const slope = f(x);\n  const r = y.map((value, i) => (4 * value - before[i]) / 3 + /* … */);\n  const M = jacobian(x).map((row, i) => row.map((a, j) => (i === j ? 1 : 0) - /* … */));\n  const d = solve(M, r);\n  x = // corrected\n}\n```',
  ],
};

/** As `step`, with another start for Newton's method. */
function from(
  { f, jacobian }: System,
  [before, y, h]: [Float64Array, Float64Array, number],
  start: Float64Array,
) {
  let x = start;
  for (let k = 0; k < 30; k++) {
    const r = plus(plus(right.known(y, before), (2 / 3) * h, f(x)), -1, x);
    x = plus(x, 1, solveDense(shiftedMatrix(1, jacobian(x), (-2 / 3) * h), r));
  }
  return x;
}
