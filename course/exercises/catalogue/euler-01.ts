import type { Exercise } from '../exercise';
import {
  type Matrix,
  multiply,
  norm,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  solveDense,
  transposed,
} from '../linear';

type Step = (A: Matrix, y: Float64Array, h: number) => Float64Array;

const step: Step = (A, y, h) => solveDense(shiftedMatrix(1, A, h), y);

/** `y − h A x`: an explicit step that takes the slope at x. */
const explicit = (A: Matrix, y: Float64Array, h: number, x: Float64Array) => {
  const slope = multiply(A, x);
  return y.map((value, i) => value - h * slope[i]!);
};

/** All eigenvalues have a positive real part. */
const decaying = (seed: number, n: number) => shiftedMatrix(3, randomMatrix(seed, n, n, 0.7));

export const exercise: Exercise<Step> = {
  id: 'euler-01',
  lesson: '01',
  title: 'One step of backward Euler',
  difficulty: 1,
  minutes: 10,
  needs: ['01'],
  reference: step,
  probes: [
    { name: 'non-symmetric', args: () => [decaying(11, 3), randomVector(12, 3), 0.3] },
    {
      name: 'stiff (h = 100/s)',
      args: () => [
        [
          [1000, 1],
          [0, 1],
        ],
        Float64Array.of(1, 2),
        0.1,
      ],
    },
    { name: 'scalar', args: () => [[[2]], Float64Array.of(3), 0.25] },
  ],
  fresh: (seed) => [decaying(seed, 3), randomVector(seed + 1, 3), 0.3],
  properties: [
    {
      name: 'solves y⁺ = y − h A y⁺',
      complaint({ args: [A, y, h], result }) {
        const end = explicit(A, y, h, result);
        const residual = norm(result.map((value, i) => value - end[i]!));
        return residual > 1e-4 * (1 + norm(y))
          ? `Put into its own equation, your y⁺ leaves a residual of ${residual.toPrecision(3)}; it should be 0 to rounding.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'an explicit step',
      answer: (A, y, h) => explicit(A, y, h, y),
      diagnosis:
        'This is forward Euler: the slope is taken at the start of the step. On the stiff probe it multiplies the fast component by $1 - hs = -99$. Backward Euler takes the slope at the *end*, which is not known yet: it has to be solved for.',
    },
    {
      name: 'the sign of hA',
      answer: (A, y, h) => solveDense(shiftedMatrix(1, A, -h), y),
      diagnosis:
        "The system is solved with $I - hA$. The equation is $y' = -Ay$: bring $-hAy^+$ to the left and its sign turns.",
    },
    {
      name: 'one sweep instead of a solve',
      answer: (A, y, h) => explicit(A, y, h, explicit(A, y, h, y)),
      diagnosis:
        'The end point was guessed by an explicit step and put in once. That is a step of a fixed-point iteration, which converges only for $hs < 1$, and then only if it is repeated. A linear equation for $y^+$ can simply be solved.',
    },
    {
      name: 'the identity is missing',
      answer: (A, y, h) => solveDense(shiftedMatrix(0, A, h), y),
      diagnosis:
        'The system is $hA\\,y^+ = y$. Of $y^+ = y - hAy^+$, once $hAy^+$ is on the left, $y^+$ itself stands there as well. As $h \\to 0$ a step must do nothing.',
    },
    {
      name: 'the correction instead of where it leads',
      answer: (A, y, h) => step(A, y, h).map((value, i) => value - y[i]!),
      diagnosis: 'This is $y^+ - y$. The new point is asked for.',
    },
    {
      name: 'h is missing in the matrix',
      answer: (A, y) => solveDense(shiftedMatrix(1, A), y),
      diagnosis:
        'The matrix is $I + A$: the step size does not occur. As $h \\to 0$ a step must do nothing.',
    },
    {
      name: 'the matrix is transposed',
      answer: (A, y, h) => solveDense(shiftedMatrix(1, transposed(A), h), y),
      diagnosis:
        'The system is solved with $A^\\top$. That goes unnoticed while $A$ is symmetric. Look whether `A[i][j]` or `A[j][i]` is used.',
    },
    {
      name: 'the trapezoid rule',
      answer: (A, y, h) => step(A, explicit(A, y, h / 2, y), h / 2),
      diagnosis:
        'The slope is the mean of those at start and end. That is the trapezoid rule: more accurate, but it does not damp fast components (it multiplies them by nearly $-1$).',
    },
  ],
  alternatives: [
    {
      name: 'as a correction of y',
      answer(A, y, h) {
        const s = solveDense(shiftedMatrix(1, A, h), multiply(A, y));
        return y.map((value, i) => value - h * s[i]!);
      },
    },
    {
      name: 'divided by h, with plain numbers',
      answer: (A, y, h) =>
        Array.from(
          solveDense(
            shiftedMatrix(1 / h, A),
            y.map((x) => x / h),
          ),
        ),
    },
    {
      name: 'asynchronous',
      answer: async (A, y, h) => step(A, y, h),
    },
  ],
  hints: [
    'The slope is taken at the end of the step. Write the equation for $y^+$ down and bring everything that contains $y^+$ to one side.',
    '$y^+ = y - hAy^+$, so $(I + hA)\\,y^+ = y$.',
    'Build the matrix row by row and solve:\n```ts\nconst M = A.map((row, i) => row.map((a, j) => h * a + (i === j ? 1 : 0)));\nreturn solve(M, /* which right-hand side? */);\n```',
  ],
};
