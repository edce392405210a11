import type { Question } from './question';

export const questions: readonly Question[] = [
  {
    id: '14-a',
    kind: 'number',
    text: 'Inner objective $\\tfrac12 s\\,(w - \\lambda)^2$, stopped on purpose after $T = 10$ steps of gradient descent with $\\eta s = 0.1$ from a fixed start. The derivative of *that iterate* is wanted. By which factor is the implicit one, that of the solution, too large?',
    answer: () => 1 / (1 - 0.9 ** 10),
    mistakes: [
      {
        value: () => 1,
        diagnosis:
          'The solution is $w^* = \\lambda$ and has the derivative 1. The iterate after ten steps is not there yet: how much of it is due to $\\lambda$?',
      },
      {
        value: () => 1 - 0.9 ** 10,
        diagnosis:
          'That is $\\mathrm dw_T/\\mathrm d\\lambda$ itself; the implicit derivative is 1. Which of them is larger, and by which factor?',
      },
      {
        value: () => 1 / 0.9 ** 10,
        diagnosis:
          '$0.9^{10}$ is the remaining fraction of the start. The fraction of $\\lambda$ is the rest.',
      },
    ],
    explanation:
      '$w_T = \\lambda + 0.9^{10}(w_0 - \\lambda)$, so $\\mathrm dw_T/\\mathrm d\\lambda = 1 - 0.9^{10} = 0.651$; the implicit derivative is 1, too large by 1.54. It answers another question. After 100 steps the two agree to $3 \\cdot 10^{-5}$.',
  },
  {
    id: '14-b',
    kind: 'choice',
    text: 'Training is stopped after $T = 20$ steps on purpose, there are $m = 10^4$ hyperparameters and memory for 50 states. Which way to the derivative?',
    options: [
      {
        text: 'implicit',
        diagnosis:
          'After 20 steps the weights are not at a solution, and it is the derivative of the iterate that is wanted.',
      },
      {
        text: 'forward mode',
        diagnosis: 'It carries $10^4$ tangents: $1 + m$ states, and $m$ products per step.',
      },
      {
        text: 'reverse mode',
      },
      {
        text: 'the last step alone',
        diagnosis: 'Truncation is for runs that do not fit. Twenty states fit.',
      },
    ],
    explanation:
      'First: *whose* derivative? That of the iterate, so unroll. Then: with many hyperparameters and few steps, reverse mode costs $2T$ gradients and $T = 20$ states, and both are there.',
  },
];
