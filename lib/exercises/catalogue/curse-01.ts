import type { Exercise } from '../exercise';
import { randomVector } from '../linear';

type JacobianErrors = (
  lambdas: Float64Array,
  dlambdas: Float64Array,
  d: Float64Array,
  r: Float64Array,
  h: number,
  T: number,
) => Float64Array;

/** The norms for t = 0 … T of an error that is known along each eigenvector. */
const norms = (lambdas: Float64Array, T: number, error: (t: number, i: number) => number) =>
  Float64Array.from({ length: T + 1 }, (_, t) => Math.hypot(...lambdas.map((_, i) => error(t, i))));

interface Variant {
  /** What P′ is multiplied by; −h t is right. */
  factor?: (h: number, t: number) => number;
  /** The exponent of P′ less t. */
  exponent?: number;
}

const withSlope =
  ({ factor = (h, t) => -h * t, exponent = -1 }: Variant): JacobianErrors =>
  (lambdas, dlambdas, d, r, h, T) =>
    norms(lambdas, T, (t, i) => {
      const base = 1 - h * lambdas[i]!;
      const slope = t === 0 ? 0 : factor(h, t) * base ** (t + exponent);
      return base ** t * d[i]! + slope * dlambdas[i]! * r[i]!;
    });

const reference = withSlope({});

/** Eigenvalues between .05 and 1, none of which a step of h brings to 0 at once. */
const spectrum = (n: number) => Float64Array.from({ length: n }, (_, i) => 0.05 * 20 ** (i / n));

const probe = (seed: number, n: number, h: number, T: number): Parameters<JacobianErrors> => [
  spectrum(n),
  randomVector(seed, n).map((x) => 1 + 0.5 * x),
  randomVector(seed + 1, n),
  randomVector(seed + 2, n, 3),
  h,
  T,
];

export const exercise: Exercise<JacobianErrors> = {
  id: 'curse-01',
  lesson: '13',
  title: 'The Jacobian of gradient descent',
  difficulty: 1,
  minutes: 15,
  needs: ['13'],
  reference,
  probes: [
    { name: 'long step', args: () => probe(1, 5, 1.9, 12) },
    { name: 'short step', args: () => probe(11, 4, 0.6, 7) },
    { name: 'no step', args: () => probe(21, 3, 1.3, 0) },
    {
      name: 'one direction done in a step',
      args: () => [
        Float64Array.of(0.25, 0.5, 2),
        Float64Array.of(1, 0.5, 2),
        Float64Array.of(1, -1, 0.5),
        Float64Array.of(2, 1, -3),
        0.5,
        5,
      ],
    },
  ],
  properties: [
    {
      name: 'begins with the first error',
      complaint: ({ args: [, , d], result }) =>
        Math.abs(result[0]! - Math.hypot(...d)) > 1e-9 * Math.hypot(...d)
          ? `At t = 0 nothing has happened yet: the norm should be ‖d‖ = ${Math.hypot(...d).toPrecision(5)}, but yours is ${result[0]!.toPrecision(5)}.`
          : undefined,
    },
  ],
  mutants: [
    {
      name: 'the derivative of the polynomial is missing',
      answer: withSlope({ factor: () => 0 }),
      diagnosis:
        'Only $P_t(H)\\,d$ is there, and it falls at every step. The curse is in the other term: $H$ depends on $\\theta$, and so does $P_t(H)$.',
    },
    {
      name: 'the sign of the derivative',
      answer: withSlope({ factor: (h, t) => h * t }),
      diagnosis:
        '$P_t(\\lambda) = (1 - h\\lambda)^t$ falls where $1 - h\\lambda > 0$: the chain rule gives the inner derivative $-h$.',
    },
    {
      name: 'the inner derivative is missing',
      answer: withSlope({ factor: (_, t) => -t }),
      diagnosis:
        'The slope is $-t\\,(1 - h\\lambda)^{t-1}$, the derivative by $h\\lambda$. By $\\lambda$ it takes another factor $h$.',
    },
    {
      name: 'the factor t is missing',
      answer: withSlope({ factor: (h) => -h }),
      diagnosis:
        'The slope is $-h\\,(1 - h\\lambda)^{t-1}$, without the exponent that comes down. That factor $t$ is what makes the error grow.',
    },
    {
      name: 'the exponent of the derivative',
      answer: withSlope({ exponent: 0 }),
      diagnosis: 'The slope has the power $t$. Differentiating lowers the exponent: $t - 1$.',
    },
    {
      name: 'the derivative of H is left out',
      answer: (lambdas, dlambdas, d, r, h, T) =>
        reference(
          lambdas,
          dlambdas.map(() => 1),
          d,
          r,
          h,
          T,
        ),
      diagnosis:
        "$P_t'$ is multiplied by the residual alone. How fast each eigenvalue moves with $\\theta$ is in `dlambdas`.",
    },
    {
      name: 'the wrong vector after the derivative',
      answer: (lambdas, dlambdas, d, _, h, T) => reference(lambdas, dlambdas, d, d, h, T),
      diagnosis:
        "$P_t'(H) H'$ is applied to $d$. It acts on the residual $r = x_0 - x^*$: that is what $P_t(H)$ stood before when it was differentiated.",
    },
    {
      name: 'nothing times infinity',
      answer: (lambdas, dlambdas, d, r, h, T) =>
        norms(lambdas, T, (t, i) => {
          const base = 1 - h * lambdas[i]!;
          return base ** t * d[i]! - h * t * base ** (t - 1) * dlambdas[i]! * r[i]!;
        }),
      diagnosis:
        'Where $h\\lambda = 1$, as with $h = 1/L$, the slope at $t = 0$ is computed as $0 \\cdot 0^{-1}$, and that is NaN. $P_0 = 1$ does not depend on $\\lambda$: its slope is 0.',
    },
    {
      name: 'divided by 1 − hλ',
      answer: (lambdas, dlambdas, d, r, h, T) =>
        norms(lambdas, T, (t, i) => {
          const base = 1 - h * lambdas[i]!;
          const P = base ** t;
          return P * d[i]! - ((h * t * P) / base) * dlambdas[i]! * r[i]!;
        }),
      diagnosis:
        'The power $t - 1$ is made from the power $t$ by dividing by $1 - h\\lambda$. Where that is 0, as with $h = 1/L$, it gives NaN at every step: raise $1 - h\\lambda$ to $t - 1$ itself, and take 0 for the slope at $t = 0$.',
    },
    {
      name: 'another norm',
      answer: (lambdas, dlambdas, d, r, h, T) =>
        reference(lambdas, dlambdas, d, r, h, T).map((norm) => norm ** 2),
      diagnosis: 'The squares are added, and the root is not taken: this is the squared norm.',
    },
  ],
  alternatives: [
    {
      name: 'by the recursion of the unrolled Jacobian',
      answer(lambdas, dlambdas, d, r, h, T) {
        let [error, residual] = [d, r];
        const result = [Math.hypot(...error)];
        for (let t = 1; t <= T; t++) {
          const before = residual;
          error = error.map(
            (value, i) => value - h * (lambdas[i]! * value + dlambdas[i]! * before[i]!),
          );
          residual = residual.map((value, i) => value - h * lambdas[i]! * value);
          result.push(Math.hypot(...error));
        }
        return Float64Array.from(result);
      },
    },
    {
      name: 'from P and its slope of the last step',
      answer(lambdas, dlambdas, d, r, h, T) {
        const P = lambdas.map(() => 1);
        const slope = lambdas.map(() => 0);
        return Array.from({ length: T + 1 }, () => {
          let square = 0;
          for (let i = 0; i < P.length; i++) {
            square += (P[i]! * d[i]! + slope[i]! * dlambdas[i]! * r[i]!) ** 2;
            slope[i] = (1 - h * lambdas[i]!) * slope[i]! - h * P[i]!;
            P[i] = (1 - h * lambdas[i]!) * P[i]!;
          }
          return Math.sqrt(square);
        }) as unknown as Float64Array;
      },
    },
  ],
  hints: [
    'Along an eigenvector everything is a number: $x_t - x^*$ is $P_t(\\lambda)\\, r$. Differentiate that product by $\\theta$, on which $\\lambda$ and $r$ both depend.',
    "$P_t(\\lambda)\\, d + P_t'(\\lambda)\\, \\lambda'\\, r$ with $P_t(\\lambda) = (1 - h\\lambda)^t$.",
    'For one t:\n```ts\nconst errors = lambdas.map((lambda, i) => {\n  const P = (1 - h * lambda) ** t;\n  const slope = // its derivative by lambda\n  return P * d[i] + slope * dlambdas[i] * r[i];\n});\n```\nand `Math.hypot(...errors)`.',
  ],
};
