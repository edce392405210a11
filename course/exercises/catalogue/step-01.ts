import { cg } from 'implicit-lab';
import type { Exercise } from '../exercise';
import {
  type Matrix,
  multiply,
  norm,
  product,
  randomMatrix,
  randomVector,
  shiftedMatrix,
  solveDense,
  transposed,
} from '../linear';

type Step = (H: Matrix, g: Float64Array, w: Float64Array, rates: Float64Array) => Float64Array;

const minus = (x: Float64Array, d: ArrayLike<number>) => x.map((value, i) => value - d[i]!);
const times = (x: Float64Array, y: ArrayLike<number>) => x.map((value, i) => value * y[i]!);
/** `I + c R H`: each row times its own rate. */
const system = (H: Matrix, rates: ArrayLike<number>, c = 1): Matrix =>
  H.map((row, i) => row.map((h, j) => (i === j ? 1 : 0) + c * rates[i]! * h));

const implicit: Step = (H, g, w, rates) => minus(w, solveDense(system(H, rates), times(g, rates)));

/** Symmetric, with eigenvalues of at least about `least`. */
function curvature(seed: number, n: number, least: number): Matrix {
  const R = randomMatrix(seed, n, n);
  return shiftedMatrix(least, product(transposed(R), R));
}

export const exercise: Exercise<Step> = {
  id: 'step-01',
  lesson: '02',
  title: 'The linearised implicit step, each parameter at its own rate',
  difficulty: 1,
  minutes: 15,
  needs: ['02'],
  reference: implicit,
  probes: [
    {
      name: 'small rates',
      args: () => [
        curvature(1, 3, 0.5),
        randomVector(2, 3),
        randomVector(3, 3),
        Float64Array.of(0.07, 0.2, 0.03),
      ],
    },
    {
      name: 'large rates',
      args: () => [
        curvature(4, 4, 0.1),
        randomVector(5, 4),
        randomVector(6, 4),
        Float64Array.of(30, 4, 90, 0.6),
      ],
    },
    {
      name: 'frozen parameter',
      args: () => [
        curvature(7, 3, 0.3),
        randomVector(8, 3),
        randomVector(9, 3),
        Float64Array.of(2, 0, 0.5),
      ],
    },
    {
      name: 'one parameter, curved downwards',
      args: () => [[[-0.5]], Float64Array.of(2), Float64Array.of(-1), Float64Array.of(0.4)],
    },
  ],
  fresh: (seed) => {
    const rates = randomVector(seed + 3, 4).map(Math.exp);
    return [curvature(seed, 4, 0.1), randomVector(seed + 1, 4), randomVector(seed + 2, 4), rates];
  },
  properties: [
    {
      name: 'leaves a parameter with the rate 0 where it is',
      complaint({ args: [, , w, rates], result }) {
        const at = rates.indexOf(0);
        return at >= 0 && Math.abs(result[at]! - w[at]!) > 1e-6
          ? `Parameter ${at} has the rate 0, but goes from ${w[at]!.toPrecision(4)} to ${result[at]!.toPrecision(4)}.`
          : undefined;
      },
    },
    {
      name: 'solves w⁺ = w − R (g + H (w⁺ − w))',
      complaint({ args: [H, g, w, rates], result }) {
        const slope = multiply(H, minus(result, w)).map((value, i) => value + g[i]!);
        const left = norm(
          minus(
            minus(result, w),
            times(slope, rates).map((x) => -x),
          ),
        );
        return left > 1e-5 * (1 + norm(w))
          ? `Put into the equation $w^+ = w - R\\,(g + H(w^+ - w))$, your point leaves a residual of ${left.toPrecision(3)}.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'one rate for all parameters',
      answer: (H, g, w, rates) =>
        implicit(
          H,
          g,
          w,
          rates.map(() => rates[0]!),
        ),
      diagnosis:
        'The first rate is used for all parameters. Each has its own; in a matrix they become the diagonal $R$.',
    },
    {
      name: 'the rates on the right-hand side are dropped',
      answer: (H, g, w, rates) => minus(w, solveDense(system(H, rates), g)),
      diagnosis:
        'The step is $(I + RH)^{-1}g$. For small rates it would go a whole gradient far, instead of nowhere.',
    },
    {
      name: 'the rates come in twice',
      answer: (H, g, w, rates) =>
        minus(w, times(solveDense(system(H, rates), times(g, rates)), rates)),
      diagnosis:
        "The system is solved for $Rg$, and its solution is multiplied by $R$ again. For large rates the step should tend to Newton's, and not grow.",
    },
    {
      name: 'the rates after the system',
      answer: (H, g, w, rates) => minus(w, times(solveDense(system(H, rates), g), rates)),
      diagnosis:
        'The step is $R\\,(I + RH)^{-1}g$. With one rate for all it does not matter where the rate stands; with several, $R$ and $H$ do not commute. Begin with $s = R\\,(g - Hs)$.',
    },
    {
      name: 'each column times its rate, instead of each row',
      answer: (H, g, w, rates) =>
        minus(w, solveDense(transposed(system(H, rates)), times(g, rates))),
      diagnosis:
        'The matrix is $I + HR$, with the rates on the columns. In $s = R\\,(g - Hs)$ the rate of a parameter multiplies its *row* of $H$.',
    },
    {
      name: 'the rates are missing in the matrix',
      answer: (H, g, w, rates) => minus(w, solveDense(shiftedMatrix(1, H), times(g, rates))),
      diagnosis:
        'The matrix is $I + H$. Where do the rates stand when the linearised slope at the end is put into $w^+ = w - R\\,(\\dots)$?',
    },
    {
      name: 'the sign of RH',
      answer: (H, g, w, rates) => minus(w, solveDense(system(H, rates, -1), times(g, rates))),
      diagnosis:
        'The matrix is $I - RH$. It comes from the slope at the end, $g + H(w^+ - w)$; with $w^+ - w = -s$ on the other side, the sign becomes a plus.',
    },
    {
      name: 'a gradient step',
      answer: (_H, g, w, rates) => minus(w, times(g, rates)),
      diagnosis:
        'This is $w - Rg$. The slope is taken at the beginning; the Hessian does not occur.',
    },
    {
      name: "Newton's step",
      answer: (H, g, w) => minus(w, solveDense(H, g)),
      diagnosis: 'This is $w - H^{-1}g$, the limit for large rates. Where are the rates?',
    },
    {
      name: 'the damping is R instead of its inverse',
      answer: (H, g, w, rates) =>
        minus(
          w,
          solveDense(
            H.map((row, i) => row.map((h, j) => h + (i === j ? rates[i]! : 0))),
            g,
          ),
        ),
      diagnosis:
        "The system is $(H + R)s = g$. Written in this form, Levenberg's, the damping is $R^{-1}$: a *large* rate means *little* damping.",
    },
    {
      name: 'the step instead of where it leads',
      answer: (H, g, w, rates) => minus(implicit(H, g, w, rates), w),
      diagnosis: 'This is $w^+ - w$. The new point is asked for.',
    },
    {
      name: 'the length of the step instead of where it leads',
      answer: (H, g, w, rates) => minus(w, implicit(H, g, w, rates)),
      diagnosis: 'This is $w - w^+$. The new point is asked for.',
    },
    {
      name: 'uphill',
      answer: (H, g, w, rates) =>
        minus(
          w,
          solveDense(system(H, rates), times(g, rates)).map((s) => -s),
        ),
      diagnosis: 'The step is *added*: it leads along the gradient, uphill.',
    },
  ],
  alternatives: [
    {
      name: 'symmetric, by conjugate gradients',
      answer(H, g, w, rates) {
        const root = rates.map(Math.sqrt);
        const A = {
          apply: (v: Float64Array) =>
            v.map((value, i) => value + root[i]! * multiply(H, times(v, root))[i]!),
          dispose() {},
        };
        const t = cg({ tolerance: 1e-12 }).solveSync(A, times(g, root)).value;
        return minus(w, times(t, root));
      },
    },
    {
      name: 'solved for w⁺ itself',
      answer(H, g, w, rates) {
        const M = system(H, rates);
        return Array.from(solveDense(M, minus(multiply(M, w), times(g, rates))));
      },
    },
    {
      name: 'the rates behind, with I + HR',
      // (I + RH)⁻¹ R = R (I + HR)⁻¹
      answer: (H, g, w, rates) =>
        minus(w, times(solveDense(transposed(system(H, rates)), g), rates)),
    },
  ],
  hints: [
    'Begin with $w^+ = w - R\\,\\nabla f(w^+)$ and replace $\\nabla f(w^+)$ by its Taylor expansion around $w$.',
    '$\\nabla f(w^+) \\approx g + H(w^+ - w)$. With $s = w - w^+$ this is $s = R\\,(g - Hs)$, so $(I + RH)\\,s = Rg$.',
    'Build the matrix, solve, go:\n```ts\nconst M = H.map((row, i) => row.map((h, j) => (i === j ? 1 : 0) + /* … */));\nconst s = solve(M, /* which right-hand side? */);\nreturn w.map((value, i) => value - s[i]);\n```',
  ],
};
