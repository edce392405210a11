import type { Question } from './question';

// f = ½(w − 2)² + ½ λ w², E = ½ w², at λ = 1.
const w = 2 / (1 + 1);
const hessian = 1 + 1;
const mixed = w;

export const questions: readonly Question[] = [
  {
    id: '08-a',
    kind: 'number',
    text: 'Inner objective $f(w, \\lambda) = \\tfrac12 (w - 2)^2 + \\tfrac12 \\lambda w^2$, outer objective $E(w) = \\tfrac12 w^2$. What is $\\mathrm dE/\\mathrm d\\lambda$ at the inner solution, for $\\lambda = 1$?',
    answer: () => -(mixed * w) / hessian,
    mistakes: [
      {
        value: () => (mixed * w) / hessian,
        diagnosis:
          'The sign: $H\\, \\mathrm dw^*/\\mathrm d\\lambda = -B$. A larger penalty makes $w^*$ smaller, and so $E$.',
      },
      {
        value: () => -mixed * w,
        diagnosis:
          'The Hessian is missing: $H = \\partial^2 f/\\partial w^2$ is $1 + \\lambda$, not 1.',
      },
      {
        value: () => -mixed / hessian / w / 2,
        diagnosis:
          'Check $\\mathrm dw^*/\\mathrm d\\lambda = -2/(1 + \\lambda)^2$, and multiply by $\\partial E/\\partial w = w^*$.',
      },
    ],
    explanation:
      '$w^* = 2/(1 + \\lambda) = 1$, $H = 1 + \\lambda = 2$, $B = \\partial^2 f/\\partial w\\,\\partial\\lambda = w^* = 1$, $\\partial E/\\partial w = w^* = 1$, and no direct term: $-B H^{-1}\\, \\partial E/\\partial w = -\\tfrac12$. Check: $E = 2/(1 + \\lambda)^2$ has the derivative $-4/(1 + \\lambda)^3 = -\\tfrac12$.',
  },
  {
    id: '08-b',
    kind: 'choice',
    text: '$p = 10^6$ weights, $m = 100$ hyperparameters, one outer objective. Which order of $B^\\top H^{-1}\\, \\partial E/\\partial w$ is the cheapest?',
    options: [
      {
        text: 'first $H^{-1}$, then its products',
        diagnosis: '$H^{-1}$ has $10^{12}$ entries, eight terabytes in float64.',
      },
      {
        text: 'first $H^{-1} B$, a solve for each hyperparameter',
        diagnosis:
          'That is forward mode: 100 solves, and a $p \\times m$ matrix. It gives $\\mathrm dw^*/\\mathrm d\\lambda$, of which only one product is wanted.',
      },
      {
        text: 'first $q = H^{-1}\\, \\partial E/\\partial w$, one solve, then $B^\\top q$',
      },
      {
        text: 'all orders cost the same, since the result is the same',
        diagnosis:
          'The order of a product of matrices does not change its value, but it does change its price.',
      },
    ],
    explanation:
      'Begin at the vector: one linear system for the adjoint $q$ and one product with $B^\\top$, whatever $m$ is. That is why a million hyperparameters cost what one does.',
  },
];
