import type { Question } from './question';

export const questions: readonly Question[] = [
  {
    id: '01-a',
    kind: 'number',
    text: "A system $y' = -Ay$ has the eigenvalues $s = 1$ and $s = 1000$. What is the largest time step $h$ with which forward Euler does not blow up?",
    answer: () => 2 / 1000,
    mistakes: [
      {
        value: () => 2,
        diagnosis:
          'That is the limit of the *slow* component, $2/1$. With it the fast one is multiplied by $1 - 2000$ at every step. All components have to be stable.',
      },
      {
        value: () => 1 / 1000,
        diagnosis:
          'At $h = 1/1000$ the fast component becomes 0 in a single step. Beyond that it changes its sign, and still shrinks for a while.',
      },
    ],
    explanation:
      'Forward Euler multiplies a component by $1 - hs$, and $\\lvert 1 - hs \\rvert \\le 1$ needs $h \\le 2/s$ for every $s$: $h \\le 2/1000$. The slow component, the only one left to resolve, would allow $h = 2$. That gap is stiffness.',
  },
  {
    id: '01-b',
    kind: 'choice',
    text: 'With $hs = 1000$ for the fast component, by what factor does one step of the trapezoidal rule multiply it?',
    options: [
      {
        text: 'by about 0.001',
        diagnosis:
          'That is backward Euler, $1/(1 + hs)$. The trapezoidal rule takes half of the slope at the start of the step.',
      },
      {
        text: 'by about −999',
        diagnosis: 'That is forward Euler, $1 - hs$.',
      },
      {
        text: 'by about −1',
      },
      {
        text: 'by $e^{-1000}$, practically 0',
        diagnosis: 'That is what the exact solution does. The rule is a rational function of $hs$.',
      },
    ],
    explanation:
      'The factor is $(1 - hs/2)/(1 + hs/2) = -499/501 \\approx -0.996$. It does not blow up, but it does not damp either: the fast component flips its sign at every step. Backward Euler makes it a thousandth.',
  },
];
