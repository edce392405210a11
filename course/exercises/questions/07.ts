import type { Question } from './question';

export const questions: readonly Question[] = [
  {
    id: '07-a',
    kind: 'number',
    text: 'A product with the curvature costs two gradients. Adam reaches a loss in 400 steps of one gradient each. An implicit step takes one gradient and 12 products. With how many implicit steps, at most, is it as cheap?',
    answer: () => 400 / (1 + 12 * 2),
    mistakes: [
      {
        value: () => 400,
        diagnosis: 'An implicit step costs more than a step of Adam. Count its products.',
      },
      {
        value: () => 400 / 13,
        diagnosis: 'A product was counted as one gradient; it costs two.',
      },
      {
        value: () => 400 / 24,
        diagnosis: 'The gradient of the implicit step itself is missing from its price.',
      },
    ],
    explanation:
      'An implicit step costs $1 + 12 \\cdot 2 = 25$ gradients, so 16 of them cost what 400 steps of Adam do. An implicit step pays where it replaces more than 25 explicit ones; a curve of the loss by step does not show that, a curve by cost does.',
  },
  {
    id: '07-b',
    kind: 'choice',
    text: 'A *linear* head on frozen features is trained with the cross-entropy of its softmax. How does its Hessian $H$ differ from the Gauss–Newton matrix $G$?',
    options: [
      {
        text: 'not at all',
      },
      {
        text: '$H$ has negative eigenvalues, $G$ has none',
        diagnosis:
          'What sets $H$ and $G$ apart is the second derivative of the logits with respect to the weights. What is it for a linear head?',
      },
      {
        text: '$G$ leaves out the curvature of the softmax',
        diagnosis:
          '$G = J^\\top S J$ has it: $S$ is the Hessian of the loss with respect to the logits. What $G$ leaves out is the curvature of the *network*.',
      },
      {
        text: 'they agree only where the loss is 0',
        diagnosis:
          'The term that $G$ leaves out is a sum of gradients times second derivatives of the logits. One of the two factors is 0 everywhere here.',
      },
    ],
    explanation:
      'The logits are linear in the weights, so their second derivatives vanish and $H = J^\\top S J = G$, positive semidefinite everywhere: the problem is convex. With a hidden layer the two differ.',
  },
];
