import type { Question } from './question';

const squared = 3 ** 2 + 4 ** 2;

export const questions: readonly Question[] = [
  {
    id: '03-a',
    kind: 'number',
    text: 'Least squares on one example $x = (3, 4)$ with $y = 1$, from $w = 0$: what does the model predict for this example, $x^\\top w^+$, after an implicit step with $\\delta = 0.1$?',
    answer: () => (0.1 * squared) / (1 + 0.1 * squared),
    mistakes: [
      {
        value: () => 0.1 * squared,
        diagnosis:
          'That is the explicit step: it overshoots the target $y = 1$. The residual has to be that at $w^+$.',
      },
      {
        value: () => 0.1 / (1 + 0.1 * squared),
        diagnosis:
          'That is the factor of $x$ in the step. The prediction is $x^\\top$ times the step.',
      },
      {
        value: () => (0.1 * 5) / (1 + 0.1 * 5),
        diagnosis: 'What matters is $\\lVert x \\rVert^2 = 25$, not $\\lVert x \\rVert = 5$.',
      },
      {
        value: () => 1 / (1 + 0.1 * squared),
        diagnosis: 'That is the remaining residual, $y - x^\\top w^+$.',
      },
    ],
    explanation:
      'With $w^+ = \\xi x$, $\\xi = \\delta(1 - 25\\xi)$, so $\\xi = 0.1/3.5$ and $x^\\top w^+ = 2.5/3.5 = 0.714$. However large $\\delta$ is, the prediction goes towards $y$ and never beyond: that is why nothing explodes. The explicit step predicts 2.5.',
  },
  {
    id: '03-b',
    kind: 'choice',
    text: 'Least squares with noise in $y$. Implicit SGD takes one example per step, with a large constant $\\delta$. What happens to the error of $w$?',
    options: [
      {
        text: 'it goes to 0, the faster the larger $\\delta$ is',
        diagnosis:
          'With a large $\\delta$ each step fits its example, the noise in its $y$ included. The next example has other noise.',
      },
      {
        text: 'it stays bounded, but does not go to 0',
      },
      {
        text: 'it explodes',
        diagnosis:
          'An explicit step would. The implicit one never goes beyond the target of its example: each step multiplies the error by at most 1, apart from the noise.',
      },
    ],
    explanation:
      'Stable is not accurate. The memory of the start is lost, and the noise of the last examples stays: a rate that falls, or an average over the iterates, is what makes the error go to 0.',
  },
];
