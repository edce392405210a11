import type { Question } from './question';

export const questions: readonly Question[] = [
  {
    id: '15-a',
    kind: 'number',
    text: 'A network has $p = 180$ parameters and $n = 600$ residuals. A gradient takes $9np$ multiplications, the matrix $J^\\top J$ takes $np^2/2$, its factorization $p^3/6$. How many gradients do $J^\\top J$ and the factorization cost together?',
    answer: () => 180 / 18 + 180 ** 2 / (54 * 600),
    mistakes: [
      {
        value: () => 180 / 18,
        diagnosis: 'The factorization is missing. Divide $p^3/6$ by $9np$ as well.',
      },
      {
        value: () => 180 / 9 + 180 ** 2 / (54 * 600),
        diagnosis:
          'That is $np^2$ for the matrix. It is symmetric, so half of its entries are enough.',
      },
      {
        value: () => 180 ** 2 / (54 * 600),
        diagnosis: 'That is the factorization alone. Forming the matrix costs more than it.',
      },
    ],
    explanation:
      '$np^2/2$ over $9np$ is $p/18 = 10$, and $p^3/6$ over $9np$ is $p^2/54n = 1$: eleven gradients. The price grows with $p$, not with the condition number. CG would need a number of products that grows with $\\sqrt{\\kappa}$.',
  },
  {
    id: '15-b',
    kind: 'choice',
    text: 'A step has the ratio $\\rho = 0.97$ of gain to promise. What follows for δ?',
    options: [
      {
        text: 'it is as large as it can be',
        diagnosis:
          'At the largest possible δ the step gains nothing, and the ratio is near 0. What does a ratio near 1 mean for the model?',
      },
      {
        text: 'it may be raised: the model was right as far as this step went',
      },
      {
        text: 'it should be lowered: the step gained less than it promised',
        diagnosis:
          'Nearly every step gains a little less than it promises. It is a ratio near 0, or below it, that asks for a shorter step.',
      },
      {
        text: 'nothing: the ratio does not depend on δ',
        diagnosis:
          'The length of the step depends on δ, and the error of a linearisation on the length of the step.',
      },
    ],
    explanation:
      'The linear model $r + Jd$ predicted the decrease to 3 %. It can be trusted further out, so the next δ is larger; three times is usual. That is how δ finds its size from any start.',
  },
];
