import type { Question } from './question';

const curvatures = [1, 3];
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

export const questions: readonly Question[] = [
  {
    id: '11-a',
    kind: 'number',
    text: 'The Hessian of a batch, a number here, is 1 or 3 with equal probability. By which factor is the mean of its inverse larger than the inverse of its mean?',
    answer: () => mean(curvatures.map((s) => 1 / s)) * mean(curvatures),
    mistakes: [
      {
        value: () => 1,
        diagnosis:
          'The mean of the inverses is $(1 + \\tfrac13)/2$, the inverse of the mean $\\tfrac12$. They differ.',
      },
      {
        value: () => 1 / (mean(curvatures.map((s) => 1 / s)) * mean(curvatures)),
        diagnosis: 'Upside down: the mean of the inverses is the larger one.',
      },
      {
        value: () => mean(curvatures.map((s) => 1 / s)),
        diagnosis:
          'That is the mean of the inverses itself. Compare it with $1/2$, the inverse of the mean.',
      },
    ],
    explanation:
      '$\\mathbb E[1/H_S] = (1 + \\tfrac13)/2 = \\tfrac23$ and $1/\\mathbb E[H_S] = \\tfrac12$: a factor $\\tfrac43$. $1/s$ is convex, so the inverse of a noisy matrix is too large on average (Jensen). No number of repetitions averages that out.',
  },
  {
    id: '11-b',
    kind: 'choice',
    text: 'Which estimate from batches of the $K$-term Neumann sum has the right mean, that with the full Hessian?',
    options: [
      {
        text: 'a fresh batch for each factor $I - \\alpha H_S$',
      },
      {
        text: 'one batch for all factors',
        diagnosis:
          '$\\mathbb E[H_S^2] \\ne (\\mathbb E H_S)^2$: powers of one random matrix do not have the mean of its powers.',
      },
      {
        text: 'one batch, twice as large',
        diagnosis: 'The bias becomes about half as large. It does not vanish.',
      },
      {
        text: 'conjugate gradients on one batch, to convergence',
        diagnosis:
          'That computes $H_S^{-1} b$ accurately, and $\\mathbb E[H_S^{-1}] \\ne (\\mathbb E H_S)^{-1}$.',
      },
    ],
    explanation:
      'The mean of a product is the product of the means where the factors are independent. A fresh batch for each factor, and others for $\\partial E$ and $B$, remove the bias; the price is variance.',
  },
];
