import type { Question } from './question';

/** The spectral radius of a 2 × 2 matrix. */
function radius([[a, b], [c, d]]: [[number, number], [number, number]]): number {
  const half = (a + d) / 2;
  const root = half ** 2 - (a * d - b * c);
  return root >= 0
    ? Math.max(...[1, -1].map((sign) => Math.abs(half + sign * Math.sqrt(root))))
    : Math.sqrt(a * d - b * c);
}

/**
 * How much a step with δ stretches errors on the Hessian [[100, c], [c, 1]] where the first
 * parameter steps implicitly with its own block, and the second explicitly.
 */
export const blockRadius = (delta: number, c: number) => {
  const first = 1 / (1 + 100 * delta);
  return radius([
    [first, -delta * c * first],
    [-delta * c, 1 - delta],
  ]);
};

export const questions: readonly Question[] = [
  {
    id: '05-a',
    kind: 'number',
    text: 'A quadratic has the Hessian $\\operatorname{diag}(100, 1)$. The first parameter takes an implicit step, the second an explicit one, both with the rate $\\delta$. Up to which $\\delta$ is that stable?',
    answer: () => 2,
    mistakes: [
      {
        value: () => 0.02,
        diagnosis:
          'That is the limit when *both* step explicitly, $2/100$. The steep parameter steps implicitly here.',
      },
      {
        value: () => Number.POSITIVE_INFINITY,
        diagnosis:
          'That holds when both step implicitly. The second parameter still takes an explicit step.',
      },
      {
        value: () => 1,
        diagnosis:
          'At $\\delta = 1$ the second parameter arrives in one step. Beyond that its sign changes, and it still shrinks for a while.',
      },
    ],
    explanation:
      'The first component is multiplied by $1/(1 + 100\\delta)$, always below 1, the second by $1 - \\delta$: stable up to $\\delta = 2$, a hundred times further than with two explicit steps. The part that stays explicit sets the limit, by *its* curvature.',
  },
  {
    id: '05-b',
    kind: 'choice',
    text: 'The same with a coupling: $H = \\begin{pmatrix} 100 & 9 \\\\ 9 & 1 \\end{pmatrix}$, positive definite. The first parameter steps implicitly with its block $H_{11} = 100$ alone. What is guaranteed for every $\\delta > 0$?',
    options: [
      {
        text: 'the step is stable, since $H$ is positive definite',
        diagnosis:
          'That holds where the whole $H$ is in the system. Here one block is: at $\\delta = 20$ this step multiplies some errors by about 20.',
      },
      {
        text: 'the loss falls at every step',
        diagnosis:
          'For a small $\\delta$ it does. For a large one the second parameter overshoots as any explicit step does.',
      },
      {
        text: 'neither: there is a largest stable $\\delta$ here, too',
      },
    ],
    explanation:
      'For a large $\\delta$ the first parameter settles at once where the second one was, $-\\tfrac{9}{100} w_2$, and the second goes from $w_2$ to about $(0.19 - \\delta)\\, w_2$: stable up to $\\delta \\approx 1.1$, less than the 2 without coupling. A block in the system moves the limit from $2/L \\approx 0.02$ to about 1; only the whole matrix takes it away.',
  },
];
