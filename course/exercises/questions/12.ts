import type { Question } from './question';

const T = 10_000;

export const questions: readonly Question[] = [
  {
    id: '12-a',
    kind: 'number',
    text: 'Reverse mode through $T = 10{,}000$ steps keeps every hundredth state and recomputes the others, one segment at a time, from the preceding kept state. How many states are in memory at most?',
    answer: () => 2 * Math.sqrt(T),
    tolerance: 0.02,
    mistakes: [
      {
        value: () => Math.sqrt(T),
        diagnosis:
          'Those are the kept ones. The segment that the backward pass is in needs its own states, too.',
      },
      {
        value: () => T,
        diagnosis: 'That is reverse mode without checkpoints.',
      },
      {
        value: () => T / 2,
        diagnosis: 'Count: 10,000 / 100 states are kept. How many does a segment add?',
      },
    ],
    explanation:
      '100 checkpoints and the 100 states of one segment: $2\\sqrt T = 200$ instead of 10,000, for one more pass forwards (each step is computed twice).',
  },
  {
    id: '12-b',
    kind: 'choice',
    text: 'Gradient descent with the rate $\\eta \\le 1/L$ on an inner problem with curvatures of at least $\\mu > 0$. The backward pass is cut off after $K$ of $T$ steps. What is lost?',
    options: [
      {
        text: 'the fraction $(T - K)/T$ of the derivative',
        diagnosis:
          'The steps do not contribute alike: the early ones have been forgotten the most.',
      },
      {
        text: 'something of the order $(1 - \\eta\\mu)^K$',
      },
      {
        text: 'the direct term $\\partial E/\\partial\\lambda$',
        diagnosis: 'The direct term needs no backward pass; it is available at once.',
      },
      {
        text: 'nothing, once the inner problem has converged',
        diagnosis:
          'At the solution, what remains of the backward pass is a Neumann series, which is cut off after $K$ terms.',
      },
    ],
    explanation:
      'Each step back multiplies the adjoint by $I - \\eta H$, whose norm is at most $1 - \\eta\\mu$. The first $T - K$ steps meet an adjoint that has shrunk by $(1 - \\eta\\mu)^K$. So $K$ of a few times $1/(\\eta\\mu)$ is enough, however large $T$ is.',
  },
];
