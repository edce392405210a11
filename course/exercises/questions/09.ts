import type { Question } from './question';

const kappa = 100;

export const questions: readonly Question[] = [
  {
    id: '09-a',
    kind: 'number',
    text: 'A Neumann series for $H^{-1}$ with $\\alpha = 1/L$ on a Hessian with $\\kappa = L/\\mu = 100$: after how many terms $K$ is the error along the flattest direction, $s = \\mu$, a hundredth?',
    answer: () => Math.log(0.01) / Math.log(1 - 1 / kappa),
    tolerance: 0.03,
    mistakes: [
      {
        value: () => kappa,
        diagnosis:
          'After $\\kappa$ terms the error has fallen by the factor $e$, to about 0.37. How many such factors make a hundredth?',
      },
      {
        value: () => Math.sqrt(kappa) * Math.log(100),
        diagnosis:
          'With $\\sqrt\\kappa$ it is the order of conjugate gradients. The series needs $\\kappa$.',
      },
      {
        value: () => Math.sqrt(kappa),
        diagnosis:
          '$\\sqrt\\kappa$ is the order of conjugate gradients. The series needs $\\kappa$, times a logarithm.',
      },
      {
        value: () => kappa * Math.log10(100),
        diagnosis: 'The logarithm is the natural one: $\\ln 100 = 4.6$.',
      },
    ],
    explanation:
      'What is missing after $K$ terms is $(1 - \\alpha\\mu)^K = (1 - 1/\\kappa)^K$ of the whole, so $K = \\ln 0.01/\\ln 0.99 \\approx \\kappa \\ln 100 \\approx 458$ (459 to be below it). Conjugate gradients need about $\\tfrac12\\sqrt\\kappa \\ln 200 \\approx 27$ products.',
  },
  {
    id: '09-b',
    kind: 'choice',
    text: 'The sum of the first $K$ terms of the Neumann series with the factor $\\alpha$ equals …',
    options: [
      {
        text: '$K$ steps of gradient descent with the step $\\alpha$ on $\\tfrac12 q^\\top H q - b^\\top q$, from 0',
      },
      {
        text: '$K$ iterations of conjugate gradients, from 0',
        diagnosis:
          'Conjugate gradients choose the best of all polynomials of degree $K - 1$ in $H$. The series has fixed coefficients.',
      },
      {
        text: "$K$ steps of Newton's method on the inner objective",
        diagnosis:
          'The inner problem is solved already. Each term costs a product with $H$, no solve.',
      },
      {
        text: 'a solve with $H + \\tfrac1{\\alpha K} I$',
        diagnosis:
          'Cutting the series off *resembles* a damping, since flat directions are left unfinished, but $(1 - (1 - \\alpha s)^K)/s$ is not $1/(s + 1/(\\alpha K))$.',
      },
    ],
    explanation:
      'A step is $q \\leftarrow q + \\alpha(b - Hq) = (I - \\alpha H)q + \\alpha b$. From 0, $K$ of them make $\\alpha\\sum_{k<K}(I - \\alpha H)^k b$. Fixed-point iteration, gradient descent on the linear system and the series are three names for one recurrence.',
  },
];
