import type { Question } from './question';

const T = 10;

export const questions: readonly Question[] = [
  {
    id: '06-a',
    kind: 'number',
    text: 'The smallest recurrent network: $h_t = w h_{t-1}$ with $h_0 = 1$, and the loss $\\tfrac12 h_T^2$ after $T = 10$ steps. What is the second derivative of the loss with respect to $w$, at $w = 1$?',
    answer: () => T * (2 * T - 1),
    mistakes: [
      {
        value: () => T ** 2,
        diagnosis:
          'That is the Gauss–Newton part, $(\\mathrm dh_T/\\mathrm dw)^2 = T^2$. The loss is $\\tfrac12 w^{2T}$: differentiate it twice.',
      },
      {
        value: () => 1,
        diagnosis:
          'That is the curvature with respect to $h_T$, or that of $T = 1$. The same $w$ is used at every step.',
      },
      {
        value: () => T,
        diagnosis: 'That is the *first* derivative, $T w^{2T - 1}$.',
      },
      {
        value: () => 2 * T * (2 * T - 1),
        diagnosis: 'The ½ of the loss is missing.',
      },
      {
        value: () => T * (T - 1),
        diagnosis:
          "That is the term with $h_T''$ alone; $(\\mathrm dh_T/\\mathrm dw)^2$ is missing.",
      },
    ],
    explanation:
      '$h_T = w^T$, the loss is $\\tfrac12 w^{2T}$, and its second derivative $T(2T - 1) w^{2T - 2} = 190$. It grows like $2T^2$ at $w = 1$, and exponentially for $w > 1$: a recurrence is a deep network, and long ones are stiff.',
  },
  {
    id: '06-b',
    kind: 'choice',
    text: 'Adam without momentum ($\\beta_1 = 0$) moves by $-\\delta D^{-1} g$ with a diagonal $D$. Backward Euler takes $g$ at the end of the step, $g + Hs$ where it is linearised. Which system does the step $s$ solve?',
    options: [
      {
        text: '$(I + \\delta H)\\, s = -\\delta D^{-1} g$',
        diagnosis:
          'Put $s = -\\delta D^{-1}(g + Hs)$ in order: $D^{-1}$ stands before $Hs$ as well.',
      },
      {
        text: '$(D + \\delta H)\\, s = -\\delta g$',
      },
      {
        text: '$(I + \\delta H)\\, s = -\\delta g$, and then $D^{-1} s$ is the step',
        diagnosis:
          'That solves in the metric $I$ and moves in the metric $D$: where $D$ is not a multiple of $I$ it is not a backward Euler step of anything.',
      },
      {
        text: '$(D + H)\\, s = -\\delta g$',
        diagnosis: 'The rate is missing before $H$: for $\\delta \\to 0$ this is not Adam.',
      },
    ],
    explanation:
      '$s = -\\delta D^{-1}(g + Hs)$, multiplied by $D$: $(D + \\delta H)\\,s = -\\delta g$. With $H = 0$ it is Adam, and with $D = I$ the implicit step.',
  },
];
