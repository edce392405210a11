import type { Question } from './question';

export const questions: readonly Question[] = [
  {
    id: '04-a',
    kind: 'number',
    text: 'A system $A x = b$ with $A = I + R R^\\top$ has 10,000 unknowns; $R$ has 3 columns. After how many iterations have conjugate gradients finished at the latest, in exact arithmetic?',
    answer: () => 3 + 1,
    mistakes: [
      {
        value: () => 10000,
        diagnosis:
          'That is the bound that holds for every positive definite matrix. This one has few *different* eigenvalues: how many?',
      },
      {
        value: () => 3,
        diagnosis:
          'Three eigenvalues differ from 1. The eigenvalue 1, of all other directions, has to be dealt with too.',
      },
    ],
    explanation:
      'Conjugate gradients find the best polynomial of $A$; one of degree $k$ can vanish at $k$ eigenvalues. Here there are at most four different ones, 1 and three others, so four products are enough, whatever the number of unknowns. Clusters count nearly like single eigenvalues.',
  },
  {
    id: '04-b',
    kind: 'number',
    text: 'The smallest eigenvalue of a Hessian $H$ is $-0.25$. For rates up to which $\\delta$ is $I + \\delta H$ positive definite?',
    answer: () => 1 / 0.25,
    mistakes: [
      {
        value: () => 2 / 0.25,
        diagnosis:
          'That has the form of the bound of an explicit step, $2/s$. Here the question is when $1 + \\delta s$ reaches 0.',
      },
      {
        value: () => 0.25,
        diagnosis:
          'The eigenvalues of $I + \\delta H$ are $1 + \\delta s$. When is the smallest of them 0?',
      },
    ],
    explanation:
      'The smallest eigenvalue of $I + \\delta H$ is $1 - 0.25\\,\\delta$, positive for $\\delta < 4$. Beyond, the quadratic model with its spring has no minimum, and conjugate gradients may meet a direction in which it bends down.',
  },
];
