import type { Question } from './question';

export const questions: readonly Question[] = [
  {
    id: '02-a',
    kind: 'number',
    text: 'A quadratic has the curvatures $s = 1$ and $s = 100$, and its minimum at 0. By which factor does one implicit step with $\\delta = 0.05$ multiply the component along $s = 100$?',
    answer: () => 1 / (1 + 0.05 * 100),
    mistakes: [
      {
        value: () => 1 - 0.05 * 100,
        diagnosis:
          'That is the explicit step, $1 - \\delta s$: the slope is taken at the start. An implicit step takes it at the end.',
      },
      {
        value: () => 1 / (1 + 0.05),
        diagnosis: 'That is the factor along $s = 1$. Each direction has its own.',
      },
      {
        value: () => 1 / (1 - 0.05 * 100),
        diagnosis: 'A sign: from $w^+ = w - \\delta s w^+$, bring $\\delta s w^+$ to the left.',
      },
      {
        value: () => Math.exp(-0.05 * 100),
        diagnosis:
          'That is the gradient flow over the time $\\delta$, of which the implicit step is an approximation.',
      },
      {
        value: () => (0.05 * 100) / (1 + 0.05 * 100),
        diagnosis: 'That is the fraction that the step removes. What remains of the component?',
      },
    ],
    explanation:
      '$w^+ = w - \\delta s w^+$ gives $w^+ = w/(1 + \\delta s) = w/6$. The factor lies between 0 and 1 for every $\\delta > 0$ and every $s > 0$; the explicit factor here is $-4$.',
  },
  {
    id: '02-b',
    kind: 'choice',
    text: 'Where $H$ is positive definite and $\\delta \\to \\infty$, what does the linearised implicit step $-\\delta(I + \\delta H)^{-1} g$ become?',
    options: [
      {
        text: 'it grows without bound',
        diagnosis:
          'The factor $\\delta$ in front grows, and $(I + \\delta H)^{-1}$ shrinks as fast: look at $\\delta/(1 + \\delta s)$.',
      },
      {
        text: 'it tends to 0',
        diagnosis: 'That is the limit $\\delta \\to 0$, where the step is about $-\\delta g$.',
      },
      {
        text: 'a unit vector against the gradient',
        diagnosis:
          'The length of the step is not bounded by 1. In each direction it tends to $g/s$: how curved the direction is matters.',
      },
      {
        text: "Newton's step $-H^{-1} g$",
      },
    ],
    explanation:
      "$\\delta(I + \\delta H)^{-1} = (\\tfrac1\\delta I + H)^{-1} \\to H^{-1}$. One rate leads from the gradient step ($\\delta \\to 0$) to Newton's ($\\delta \\to \\infty$), and each direction changes over at its own $\\delta = 1/s$.",
  },
];
