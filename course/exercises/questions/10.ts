import type { Question } from './question';

// ½ e^λ w² with λ = ln 4, w = 0.5, and the adjoint q = 3.
const [penalty, w, q] = [4, 0.5, 3];

export const questions: readonly Question[] = [
  {
    id: '10-a',
    kind: 'number',
    text: 'A weight $w = 0.5$ has the penalty $\\tfrac12 e^{\\lambda} w^2$ with $\\lambda = \\ln 4$; its adjoint (from $Hq = \\partial E/\\partial w$) is $q = 3$. $E$ does not depend on $\\lambda$ directly. What is $\\mathrm dE/\\mathrm d\\lambda$?',
    answer: () => -penalty * w * q,
    mistakes: [
      {
        value: () => penalty * w * q,
        diagnosis: 'The sign: $\\mathrm dE/\\mathrm d\\lambda = -B^\\top q$.',
      },
      {
        value: () => -w * q,
        diagnosis:
          'That is the derivative with respect to the penalty $e^\\lambda$. With respect to its logarithm there is another factor.',
      },
      {
        value: () => (-penalty * w * q) / 2,
        diagnosis:
          'The ½ goes when $\\tfrac12 e^\\lambda w^2$ is differentiated with respect to $w$.',
      },
      {
        value: () => -Math.log(penalty) * w * q,
        diagnosis: 'The factor is $e^\\lambda = 4$, not $\\lambda = \\ln 4$.',
      },
    ],
    explanation:
      '$\\partial f/\\partial w$ contains $e^\\lambda w$, so $B = \\partial^2 f/\\partial w\\,\\partial\\lambda = e^\\lambda w = 2$, and $-Bq = -6$. For a million weights with a penalty each, $B$ is diagonal: one multiplication per weight.',
  },
  {
    id: '10-b',
    kind: 'choice',
    text: '784 penalties have been tuned by gradient descent on the loss of a validation set. Which number estimates, without bias, the loss on new data?',
    options: [
      {
        text: 'the validation loss at the end',
        diagnosis:
          'The penalties were chosen to make just that number small. With 784 of them it is as much a training loss as that of the weights.',
      },
      {
        text: 'the smallest validation loss along the way',
        diagnosis: 'The minimum over many is even more optimistic than the last one.',
      },
      {
        text: 'the loss on a third set, on which nothing was chosen',
      },
      {
        text: 'the mean of training and validation loss',
        diagnosis: 'Both were minimised: one by the weights, the other by the penalties.',
      },
    ],
    explanation:
      'Hyperparameters overfit the validation set as weights overfit the training set, and the more of them there are, the more. Data used for a choice cannot judge it.',
  },
];
