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

type Step = (H: Matrix, g: Float64Array, x: Float64Array, delta: number) => Float64Array;

const plus = (x: Float64Array, t: number, d: ArrayLike<number>) =>
  x.map((value, i) => value + t * d[i]!);
/** `x − a (b I + c H)⁻¹ g`. */
const stepped = (
  H: Matrix,
  g: Float64Array,
  x: Float64Array,
  [a, b, c]: [number, number, number],
) => plus(x, -a, solveDense(shiftedMatrix(b, H, c), g));

const implicit: Step = (H, g, x, delta) => stepped(H, g, x, [delta, 1, delta]);

/** Symmetric, with eigenvalues of at least about `least`. */
function curvature(seed: number, n: number, least: number): Matrix {
  const R = randomMatrix(seed, n, n);
  return shiftedMatrix(least, product(transposed(R), R));
}

export const exercise: Exercise<Step> = {
  id: 'step-01',
  lesson: '02',
  title: 'The linearised implicit step',
  difficulty: 1,
  minutes: 10,
  needs: ['02'],
  reference: implicit,
  probes: [
    {
      name: 'small δ',
      args: () => [curvature(1, 3, 0.5), randomVector(2, 3), randomVector(3, 3), 0.07],
    },
    {
      name: 'large δ',
      args: () => [curvature(4, 4, 0.1), randomVector(5, 4), randomVector(6, 4), 30],
    },
    {
      name: 'one parameter, curved downwards',
      args: () => [[[-0.5]], Float64Array.of(2), Float64Array.of(-1), 0.4],
    },
  ],
  properties: [
    {
      name: 'is a gradient step for δ → 0',
      async complaint({ args: [H, g, x], answer }) {
        const delta = 1e-7;
        const moved = plus(await answer(H, g, x, delta), -1, x);
        const off = norm(plus(moved, delta, g)) / (delta * norm(g));
        return off > 1e-3
          ? `With $\\delta = 10^{-7}$ your step is ${(norm(moved) / (delta * norm(g))).toPrecision(3)} times as long as $\\delta g$, and off by ${off.toPrecision(2)} of its length. For small $\\delta$ an implicit step is a gradient step.`
          : undefined;
      },
    },
    {
      name: "is Newton's step for δ → ∞",
      async complaint({ args: [H, g, x], answer }) {
        const newton = solveDense(H, g);
        const moved = plus(await answer(H, g, x, 1e9), -1, x);
        const off = norm(plus(moved, 1, newton)) / norm(newton);
        return off > 1e-3
          ? `With $\\delta = 10^9$ your step differs from Newton's, $-H^{-1}g$, by ${off.toPrecision(2)} of its length.`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'δ in front is dropped',
      answer: (H, g, x, delta) => stepped(H, g, x, [1, 1, delta]),
      diagnosis:
        'The step is $(I + \\delta H)^{-1}g$, without the $\\delta$ in front. For $\\delta \\to 0$ it would go a whole gradient far, instead of nowhere.',
    },
    {
      name: 'δ in front is squared',
      answer: (H, g, x, delta) => stepped(H, g, x, [delta ** 2, 1, delta]),
      diagnosis:
        "The rate is applied twice: the system is solved for $\\delta g$, and its solution is multiplied by $\\delta$ again. It has happened in published code. For $\\delta \\to \\infty$ the step should tend to Newton's, and not grow.",
    },
    {
      name: 'δ is missing in the matrix',
      answer: (H, g, x, delta) => stepped(H, g, x, [delta, 1, 1]),
      diagnosis:
        'The matrix is $I + H$. Where does $\\delta$ stand when the linearised slope at the end is put into $x^+ = x - \\delta(\\dots)$?',
    },
    {
      name: 'the sign of δH',
      answer: (H, g, x, delta) => stepped(H, g, x, [delta, 1, -delta]),
      diagnosis:
        'The matrix is $I - \\delta H$. It comes from $\\nabla F(x^+) \\approx g - H(x^+ - x)$; a Taylor expansion has a plus. With a minus there is a pole at $\\delta\\lambda = 1$.',
    },
    {
      name: 'a gradient step',
      answer: (_H, g, x, delta) => plus(x, -delta, g),
      diagnosis:
        'This is $x - \\delta g$. The slope is taken at the beginning; the Hessian does not occur.',
    },
    {
      name: "Newton's step",
      answer: (H, g, x) => stepped(H, g, x, [1, 0, 1]),
      diagnosis: 'This is $x - H^{-1}g$, the limit for $\\delta \\to \\infty$. Where is $\\delta$?',
    },
    {
      name: "Newton's step, damped by δ",
      answer: (H, g, x, delta) => stepped(H, g, x, [delta, 0, 1]),
      diagnosis:
        "The step is $\\delta H^{-1}g$: Newton's direction, made shorter or longer. All directions are scaled alike. In the implicit step each one decides by its own $\\delta\\lambda$ how far it goes.",
    },
    {
      name: 'the damping is δ instead of 1/δ',
      answer: (H, g, x, delta) => stepped(H, g, x, [1, delta, 1]),
      diagnosis:
        "The system is $(H + \\delta I)s = g$. Written in this form, Levenberg's, an implicit step has the damping $1/\\delta$: a *large* rate means *little* damping.",
    },
    {
      name: 'the step instead of where it leads',
      answer: (H, g, x, delta) => plus(implicit(H, g, x, delta), -1, x),
      diagnosis: 'This is $x^+ - x$. The new point is asked for.',
    },
    {
      name: 'the slope instead of where it leads',
      answer: (H, g, _x, delta) => solveDense(shiftedMatrix(1, H, delta), g),
      diagnosis:
        'This is the solution of the linear system, $(I + \\delta H)^{-1}g$. Go along it: from where, how far, and in which direction?',
    },
    {
      name: 'uphill',
      answer: (H, g, x, delta) => stepped(H, g, x, [-delta, 1, delta]),
      diagnosis: 'The step is *added*: it leads along the gradient, uphill.',
    },
  ],
  alternatives: [
    {
      name: "in Levenberg's form",
      answer: (H, g, x, delta) => stepped(H, g, x, [1, 1 / delta, 1]),
    },
    {
      name: 'solved for x⁺ itself',
      // (I + δH) x⁺ = (I + δH) x − δ g
      answer(H, g, x, delta) {
        const M = shiftedMatrix(1, H, delta);
        return Array.from(solveDense(M, plus(multiply(M, x), -delta, g)));
      },
    },
    {
      name: 'as a correction of the gradient step',
      // (I + δH)⁻¹ g = g − δ (I + δH)⁻¹ H g
      answer(H, g, x, delta) {
        const s = solveDense(shiftedMatrix(1, H, delta), multiply(H, g));
        return plus(plus(x, -delta, g), delta ** 2, s);
      },
    },
  ],
  hints: [
    'Begin with $x^+ = x - \\delta \\nabla F(x^+)$ and replace $\\nabla F(x^+)$ by its Taylor expansion around $x$.',
    '$\\nabla F(x^+) \\approx g + H(x^+ - x)$. With $s = (x - x^+)/\\delta$ this is $(I + \\delta H)\\,s = g$.',
    'Build the matrix, solve, go:\n```ts\nconst M = H.map((row, i) => row.map((h, j) => (i === j ? 1 : 0) + /* … */));\nconst s = solve(M, g);\nreturn x.map((value, i) => /* how far along s? */);\n```',
  ],
};
