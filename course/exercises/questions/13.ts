import type { Question } from './question';

const kappa = 100;

export const questions: readonly Question[] = [
  {
    id: '13-a',
    kind: 'number',
    text: "Gradient descent with $\\eta = 1/L$ on a quadratic with $\\kappa = L/\\mu = 100$. In the error of the unrolled derivative there is the term $P_t'(\\mu) = -\\eta t\\,(1 - \\eta\\mu)^{t-1}$. At which $t$ is it largest?",
    answer: () => -1 / Math.log(1 - 1 / kappa),
    tolerance: 0.03,
    mistakes: [
      {
        value: () => Math.sqrt(kappa),
        diagnosis:
          '$\\sqrt\\kappa$ is the scale of accelerated methods. Here $t\\,(1 - 1/\\kappa)^{t-1}$ decides.',
      },
      {
        value: () => 1,
        diagnosis:
          'At $t = 1$ the term is $-\\eta$. While $t$ grows, the power is still near 1: it has to fall by the factor $e$ first.',
      },
    ],
    explanation:
      '$t\\,(1 - 1/\\kappa)^{t-1}$ rises as long as $t < -1/\\ln(1 - 1/\\kappa) \\approx \\kappa$: it is largest at $t \\approx 100$ (99 and 100 are equal), where it is about $\\kappa/e$ times its first value. The iterates converge from the first step on, their derivative may get worse for $\\kappa$ steps.',
  },
  {
    id: '13-b',
    kind: 'choice',
    text: 'For which quadratic inner problems does the error of the derivative fall from the first step on, from every start?',
    options: [
      {
        text: 'those with a small $\\kappa$',
        diagnosis:
          "A small $\\kappa$ makes the rise short and low. But with $r = w_0 - w^*$ large compared with the first error of the derivative, the term $P_t'(H) H' r$ still rises first.",
      },
      {
        text: 'those whose Hessian does not depend on $\\lambda$',
      },
      {
        text: 'those with more hyperparameters than weights',
        diagnosis:
          'The number of hyperparameters does not matter: each column of the Jacobian has its own error.',
      },
      {
        text: 'none',
        diagnosis:
          "The second term is $P_t'(H) H' r$ with $H' = \\partial H/\\partial\\lambda$. When is it 0 for every $r$?",
      },
    ],
    explanation:
      "The error is $P_t(H)\\,d + P_t'(H)\\,H' r$. Where $H' = 0$, as for a $\\lambda$ that moves only the targets, the second term vanishes, and the derivative converges like the iterates.",
  },
];
