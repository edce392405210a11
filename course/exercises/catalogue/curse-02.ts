import { chebyshev, random, residualPolynomial } from 'implicit-lab';
import type { Exercise } from '../exercise';

interface Jacobian {
  P: Float64Array;
  dP: Float64Array;
  Q: Float64Array;
}

type ChebyshevJacobian = (
  mu: number,
  L: number,
  t: number,
  spectrum: Float64Array,
) => Jacobian | Promise<Jacobian>;

interface Variant {
  sigma?: (mu: number, L: number) => number;
  /** ω of step s ≥ 2 from that of the step before. */
  omega?: (s: number, before: number, sigma: number) => number;
  /** The factor of P of two steps before. */
  memory?: (omega: number) => number;
  /** Whether the product rule is applied to the factor in front. */
  productRule?: boolean;
  Q?: (P: number, dP: number, s: number) => number;
}

const rightOmega = (s: number, before: number, sigma: number) =>
  1 / (1 - (s === 2 ? 1 / (2 * sigma ** 2) : before / (4 * sigma ** 2)));

const jacobian =
  ({
    sigma: sigmaOf = (mu, L) => (L + mu) / (L - mu),
    omega: omegaOf = rightOmega,
    memory = (omega) => 1 - omega,
    productRule = true,
    Q = (P, dP, s) => P - s * dP,
  }: Variant) =>
  (mu: number, L: number, t: number, spectrum: Float64Array): Jacobian => {
    const sigma = sigmaOf(mu, L);
    const slope = -2 / (L + mu);
    const found = Array.from(spectrum, (s) => {
      if (t === 0) return { P: 1, dP: 0 };
      let [before, dBefore, P, dP] = [1, 0, 1 + slope * s, slope];
      let omega = 1;
      for (let k = 2; k <= t; k++) {
        omega = omegaOf(k, omega, sigma);
        const factor = 1 + slope * s;
        const next = omega * factor * P + memory(omega) * before;
        const dNext =
          omega * (factor * dP + (productRule ? slope * P : 0)) + memory(omega) * dBefore;
        [before, dBefore, P, dP] = [P, dP, next, dNext];
      }
      return { P, dP };
    });
    return {
      P: Float64Array.from(found, ({ P }) => P),
      dP: Float64Array.from(found, ({ dP }) => dP),
      Q: Float64Array.from(found, ({ P, dP }, i) => Q(P, dP, spectrum[i]!)),
    };
  };

const points = (...spectrum: number[]) => Float64Array.from(spectrum);

export const exercise: Exercise<ChebyshevJacobian> = {
  id: 'curse-02',
  lesson: '13',
  title: "The Jacobian of Chebyshev's method",
  difficulty: 2,
  minutes: 25,
  needs: ['13', 'curse-01'],
  reference: jacobian({}),
  probes: [
    { name: 'five steps', args: () => [0.2, 2, 5, points(0.1, 0.2, 0.7, 1.3, 2, 2.4)] },
    { name: 'ill-conditioned', args: () => [0.01, 1, 11, points(0.01, 0.3, 0.8, 1)] },
    { name: 'one step', args: () => [0.5, 3, 1, points(0.5, 2)] },
    { name: 'no step', args: () => [0.1, 1, 0, points(0.4, 1)] },
  ],
  fresh: (seed) => {
    const { uniform } = random(seed);
    const [mu, L] = [0.05 + 0.4 * uniform(), 1 + 2 * uniform()];
    return [mu, L, 6, Float64Array.from({ length: 4 }, () => mu + (L - mu) * uniform())];
  },
  properties: [
    {
      name: 'P(0) = 1',
      async complaint({ args: [mu, L, t], answer }) {
        const { P } = await answer(mu, L, t, points(0));
        return Math.abs(P[0]! - 1) > 1e-9
          ? `At s = 0 there is no gradient and nothing moves: P should be 1 there, but yours is ${P[0]!.toPrecision(5)} after t = ${t} steps.`
          : undefined;
      },
    },
    {
      name: 'dP is the derivative of P',
      async complaint({ args: [mu, L, t], answer }) {
        const [s, h] = [0.4 * L, 1e-4 * L];
        const { P } = await answer(mu, L, t, points(s - h, s + h));
        const { dP } = await answer(mu, L, t, points(s));
        const difference = (P[1]! - P[0]!) / (2 * h);
        return Math.abs(dP[0]! - difference) > 1e-3 * (1 + Math.abs(difference))
          ? `At s = ${s}, a difference of your own P gives the slope ${difference.toPrecision(4)}, your dP is ${dP[0]!.toPrecision(4)} (t = ${t}).`
          : undefined;
      },
    },
  ],
  mutants: [
    {
      name: 'the product rule',
      answer: jacobian({ productRule: false }),
      diagnosis:
        "$P_t$ is right, its derivative is not: the factor $1 - \\frac{2s}{L+\\mu}$ depends on $s$ as well. It adds $-\\omega_t \\frac{2}{L+\\mu} P_{t-1}$ to the recurrence of $P'$.",
    },
    {
      name: 'the first ω',
      answer: jacobian({ omega: (_, before, sigma) => 1 / (1 - before / (4 * sigma ** 2)) }),
      diagnosis:
        'At $t = 2$ the general formula was used with $\\omega_1 = 1$. The first one is special: $\\omega_2 = 1/(1 - \\frac{1}{2\\sigma^2})$, with a 2 (since $T_1 = m T_0$, without the factor 2 of the later steps).',
    },
    {
      name: 'σ instead of its square',
      answer: jacobian({
        omega: (s, before, sigma) => 1 / (1 - (s === 2 ? 1 / (2 * sigma) : before / (4 * sigma))),
      }),
      diagnosis:
        'In all $\\omega$ there is $\\sigma$ where $\\sigma^2$ belongs. $\\sigma > 1$, so they come out too large.',
    },
    {
      name: 'the square of the last ω',
      answer: jacobian({
        omega: (s, before, sigma) =>
          s === 2 ? rightOmega(2, 1, sigma) : 1 / (1 - before ** 2 / (4 * sigma ** 2)),
      }),
      diagnosis:
        'From $\\omega_{t-1}$ to $\\omega_t$ the square of $\\omega_{t-1}$ is used. In $\\omega_t = 1/(1 - \\omega_{t-1}/4\\sigma^2)$ only $\\sigma$ is squared.',
    },
    {
      name: 'P in the place of its derivative',
      answer: (mu, L, t, spectrum) => {
        const { P, Q } = jacobian({})(mu, L, t, spectrum);
        return { P, dP: P, Q };
      },
      diagnosis: '`P` and `Q` are right, and `dP` is $P_t$ once more.',
    },
    {
      name: 'ω is constant',
      answer: jacobian({ omega: (_s, _before, sigma) => rightOmega(2, 1, sigma) }),
      diagnosis:
        'All steps use $\\omega_2$. With a constant ω this is momentum with fixed coefficients; for the polynomials of Chebyshev ω changes from step to step.',
    },
    {
      name: 'no momentum',
      answer: jacobian({ omega: () => 1 }),
      diagnosis:
        'This is gradient descent with the step $2/(L + \\mu)$: all ω are 1, and $P_{t-2}$ never enters.',
    },
    {
      name: 'σ is upside down',
      answer: jacobian({ sigma: (mu, L) => (L - mu) / (L + mu) }),
      diagnosis:
        '$\\sigma = \\frac{L+\\mu}{L-\\mu}$ is larger than 1. With its inverse $1/(2\\sigma^2)$ exceeds ½, and ω runs away.',
    },
    {
      name: 'the sign of the momentum',
      answer: jacobian({ memory: (omega) => omega - 1 }),
      diagnosis:
        'The polynomial before the last enters with $\\omega_t - 1$. Check at $s = 0$: $P_t(0) = \\omega_t + (1 - \\omega_t) = 1$.',
    },
    {
      name: 's is missing in Q',
      answer: jacobian({ Q: (P, dP) => P - dP }),
      diagnosis:
        "$P$ and $P'$ are right. $Q = P - s P'$: the tangent at $s$ has the slope $P'$, and goes back by $s$ to the axis.",
    },
    {
      name: 'the sign in Q',
      answer: jacobian({ Q: (P, dP, s) => P + s * dP }),
      diagnosis:
        "$P$ and $P'$ are right. $Q = P - s P'$ is where the *tangent* at $s$ cuts the axis: go back by $s$, with a minus.",
    },
  ],
  alternatives: [
    {
      name: 'by the polynomials T and U',
      answer(mu, L, t, spectrum) {
        const polynomials = (m: number) => {
          // T of degree t, and U of degree t − 1.
          let [T, nextT, U, nextU] = [1, m, 0, 1];
          for (let k = 0; k < t; k++) {
            [T, nextT] = [nextT, 2 * m * nextT - T];
            [U, nextU] = [nextU, 2 * m * nextU - U];
          }
          return { T, U };
        };
        const map = (s: number) => (2 * s - L - mu) / (L - mu);
        const atZero = polynomials(map(0)).T;
        const P = spectrum.map((s) => polynomials(map(s)).T / atZero);
        const dP = spectrum.map((s) => ((2 / (L - mu)) * t * polynomials(map(s)).U) / atZero);
        return { P, dP, Q: P.map((value, i) => value - spectrum[i]! * dP[i]!) };
      },
    },
    {
      name: 'by the library, asynchronous',
      async answer(mu, L, t, spectrum) {
        const polynomial = residualPolynomial(chebyshev(), { mu, L }, t);
        const found = Array.from(spectrum, (s) => ({ s, ...polynomial(s) }));
        return {
          P: Float64Array.from(found, ({ value }) => value),
          dP: Float64Array.from(found, ({ derivative }) => derivative),
          Q: Float64Array.from(found, ({ s, value, derivative }) => value - s * derivative),
        };
      },
    },
  ],
  hints: [
    "Carry two pairs of numbers along: $P_{t-1}, P_{t-2}$ and their derivatives. Both sides of the recurrence may be differentiated with respect to $s$; the ω's do not depend on it.",
    "$P_t' = \\omega_t\\Bigl[\\bigl(1 - \\tfrac{2s}{L+\\mu}\\bigr) P_{t-1}' - \\tfrac{2}{L+\\mu} P_{t-1}\\Bigr] + (1 - \\omega_t) P_{t-2}'$, with $P_0' = 0$ and $P_1' = -\\tfrac{2}{L+\\mu}$.",
    'For one $s$, beginning with t = 0 and 1:\n```ts\nlet [before, dBefore, P, dP] = [1, 0, 1 + slope * s, slope]; // slope = -2 / (L + mu)\nlet omega = 1;\nfor (let k = 2; k <= t; k++) {\n  omega = k === 2 ? 1 / (1 - 1 / (2 * sigma ** 2)) : 1 / (1 - omega / (4 * sigma ** 2));\n  const next = omega * (1 + slope * s) * P + (1 - omega) * before;\n  const dNext = // the same with derivatives\n  [before, dBefore, P, dP] = [P, dP, next, dNext];\n}\n```',
  ],
};
