import type { Question } from './question';

const u = Number.EPSILON;

export const questions: readonly Question[] = [
  {
    id: '00-a',
    kind: 'number',
    text: 'A central difference of the gradient in float64 has two errors: truncation, about $\\varepsilon^2$, and rounding, about $u/\\varepsilon$ with $u = 2.2 \\cdot 10^{-16}$. At which step $\\varepsilon$ is their sum least?',
    answer: () => Math.cbrt(u / 2),
    tolerance: 0.3,
    mistakes: [
      {
        value: () => Math.sqrt(u),
        diagnosis:
          'That is $u^{1/2}$, the best step of a *one-sided* difference, whose truncation error is of first order in $\\varepsilon$. Here it is of second order.',
      },
      {
        value: () => u,
        diagnosis:
          'At $\\varepsilon = u$ the rounding error $u/\\varepsilon$ is 1: no digit of the difference is correct. A smaller step is not always better.',
      },
      {
        value: () => Math.cbrt(u) ** 2,
        diagnosis: 'That is the size of the *error* at the best step, $u^{2/3}$, not the step.',
      },
    ],
    explanation:
      'The derivative of $\\varepsilon^2 + u/\\varepsilon$ vanishes where $2\\varepsilon = u/\\varepsilon^2$, so $\\varepsilon = (u/2)^{1/3} \\approx 4.8 \\cdot 10^{-6}$. The error there is about $u^{2/3} \\approx 4 \\cdot 10^{-11}$: ten digits of sixteen are the most that a difference can check.',
  },
  {
    id: '00-b',
    kind: 'choice',
    text: 'A function $P$ claims to return $Hv$. You test $u^\\top (Pv) = v^\\top (Pu)$ for random $u$ and $v$. Which wrong product passes this test?',
    options: [
      {
        text: '$Pv = D H v$ with a diagonal $D$ of different entries',
        diagnosis:
          '$DH$ is not symmetric: its transpose is $HD$. Entries $(i, j)$ and $(j, i)$ get different factors, and random $u$, $v$ see that.',
      },
      {
        text: '$Pv = 2 H v$',
      },
      {
        text: '$Pv = (H + N)v$ with an $N$ of random numbers',
        diagnosis:
          '$N^\\top \\ne N$ for a matrix of random numbers, so $u^\\top N v \\ne v^\\top N u$: the test detects it.',
      },
      {
        text: 'none: the test detects every wrong product',
        diagnosis: 'The test checks symmetry. There are symmetric matrices other than $H$.',
      },
    ],
    explanation:
      'The matrix $2H$ is symmetric, and so is the Gauss–Newton matrix: symmetry is necessary, not sufficient. That is why a difference of gradients has to be compared as well.',
  },
];
