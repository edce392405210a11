import type { Exercise } from '../exercise';
import { randomVector } from '../linear';

type JacobianErrors = (
  spectrum: Float64Array,
  dspectrum: Float64Array,
  d: Float64Array,
  r: Float64Array,
  h: number,
  T: number,
) => Float64Array;

/** The norms for t = 0 … T of an error that is known along each eigenvector. */
const norms = (spectrum: Float64Array, T: number, error: (t: number, i: number) => number) =>
  Float64Array.from({ length: T + 1 }, (_, t) =>
    Math.hypot(...spectrum.map((_, i) => error(t, i))),
  );

interface Variant {
  /** What P′ is multiplied by; −h t is right. */
  factor?: (h: number, t: number) => number;
  /** The exponent of P′ less t. */
  exponent?: number;
}

const withSlope =
  ({ factor = (h, t) => -h * t, exponent = -1 }: Variant): JacobianErrors =>
  (spectrum, dspectrum, d, r, h, T) =>
    norms(spectrum, T, (t, i) => {
      const base = 1 - h * spectrum[i]!;
      const slope = t === 0 ? 0 : factor(h, t) * base ** (t + exponent);
      return base ** t * d[i]! + slope * dspectrum[i]! * r[i]!;
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
        'Only $P_t(H)\\,d$ is there, and it falls at every step. The curse is in the other term: $H$ depends on $\\lambda$, and so does $P_t(H)$.',
    },
    {
      name: 'the sign of the derivative',
      answer: withSlope({ factor: (h, t) => h * t }),
      diagnosis:
        '$P_t(s) = (1 - \\eta s)^t$ falls where $1 - \\eta s > 0$: the chain rule gives the inner derivative $-\\eta$.',
    },
    {
      name: 'the inner derivative is missing',
      answer: withSlope({ factor: (_, t) => -t }),
      diagnosis:
        'The slope is $-t\\,(1 - \\eta s)^{t-1}$, the derivative with respect to $\\eta s$. With respect to $s$ it takes another factor $\\eta$.',
    },
    {
      name: 'the factor t is missing',
      answer: withSlope({ factor: (h) => -h }),
      diagnosis:
        'The slope is $-\\eta\\,(1 - \\eta s)^{t-1}$, without the exponent that comes down. That factor $t$ is what makes the error grow.',
    },
    {
      name: 'the exponent of the derivative',
      answer: withSlope({ exponent: 0 }),
      diagnosis: 'The slope has the power $t$. Differentiating lowers the exponent: $t - 1$.',
    },
    {
      name: 'the derivative of H is left out',
      answer: (spectrum, dspectrum, d, r, h, T) =>
        reference(
          spectrum,
          dspectrum.map(() => 1),
          d,
          r,
          h,
          T,
        ),
      diagnosis:
        "$P_t'$ is multiplied by the residual alone. How fast each eigenvalue moves with $\\lambda$ is in `dspectrum`.",
    },
    {
      name: 'the wrong vector after the derivative',
      answer: (spectrum, dspectrum, d, _, h, T) => reference(spectrum, dspectrum, d, d, h, T),
      diagnosis:
        "$P_t'(H) H'$ is applied to $d$. It acts on the residual $r = x_0 - x^*$: that is what $P_t(H)$ stood before when it was differentiated.",
    },
    {
      name: 'nothing times infinity',
      answer: (spectrum, dspectrum, d, r, h, T) =>
        norms(spectrum, T, (t, i) => {
          const base = 1 - h * spectrum[i]!;
          return base ** t * d[i]! - h * t * base ** (t - 1) * dspectrum[i]! * r[i]!;
        }),
      diagnosis:
        'Where $\\eta s = 1$, as with $\\eta = 1/L$, the slope at $t = 0$ is computed as $0 \\cdot 0^{-1}$, and that is NaN. $P_0 = 1$ does not depend on $s$: its slope is 0.',
    },
    {
      name: 'divided by 1 − ηs',
      answer: (spectrum, dspectrum, d, r, h, T) =>
        norms(spectrum, T, (t, i) => {
          const base = 1 - h * spectrum[i]!;
          const P = base ** t;
          return P * d[i]! - ((h * t * P) / base) * dspectrum[i]! * r[i]!;
        }),
      diagnosis:
        'The power $t - 1$ is made from the power $t$ by dividing by $1 - \\eta s$. Where that is 0, as with $\\eta = 1/L$, it gives NaN at every step: raise $1 - \\eta s$ to $t - 1$ itself, and take 0 for the slope at $t = 0$.',
    },
    {
      name: 'the sum of the absolute values',
      answer: (spectrum, dspectrum, d, r, eta, T) =>
        Float64Array.from({ length: T + 1 }, (_, t) =>
          spectrum.reduce((sum, _s, i) => {
            const one = (x: Float64Array) => x.slice(i, i + 1);
            const errors = reference(one(spectrum), one(dspectrum), one(d), one(r), eta, t);
            return sum + errors[t]!;
          }, 0),
        ),
      diagnosis:
        'The entries are added up by their absolute values. $\\lVert\\cdot\\rVert_2$ is the root of the sum of squares.',
    },
    {
      name: 'the residual of step t instead of the first one',
      answer: (spectrum, dspectrum, d, r, eta, T) =>
        norms(spectrum, T, (t, i) => {
          const base = 1 - eta * spectrum[i]!;
          const slope = t === 0 ? 0 : -eta * t * base ** (t - 1);
          return base ** t * d[i]! + slope * dspectrum[i]! * base ** t * r[i]!;
        }),
      diagnosis:
        "$P_t'$ is multiplied by the residual after $t$ steps, which holds $P_t$ already. The polynomial that was differentiated stood before the *first* residual $r$.",
    },
    {
      name: 'another norm',
      answer: (spectrum, dspectrum, d, r, h, T) =>
        reference(spectrum, dspectrum, d, r, h, T).map((norm) => norm ** 2),
      diagnosis: 'The squares are added, and the root is not taken: this is the squared norm.',
    },
  ],
  alternatives: [
    {
      name: 'by the recursion of the unrolled Jacobian',
      answer(spectrum, dspectrum, d, r, h, T) {
        let [error, residual] = [d, r];
        const result = [Math.hypot(...error)];
        for (let t = 1; t <= T; t++) {
          const before = residual;
          error = error.map(
            (value, i) => value - h * (spectrum[i]! * value + dspectrum[i]! * before[i]!),
          );
          residual = residual.map((value, i) => value - h * spectrum[i]! * value);
          result.push(Math.hypot(...error));
        }
        return Float64Array.from(result);
      },
    },
    {
      name: 'from P and its slope of the last step',
      answer(spectrum, dspectrum, d, r, h, T) {
        const P = spectrum.map(() => 1);
        const slope = spectrum.map(() => 0);
        return Array.from({ length: T + 1 }, () => {
          let square = 0;
          for (let i = 0; i < P.length; i++) {
            square += (P[i]! * d[i]! + slope[i]! * dspectrum[i]! * r[i]!) ** 2;
            slope[i] = (1 - h * spectrum[i]!) * slope[i]! - h * P[i]!;
            P[i] = (1 - h * spectrum[i]!) * P[i]!;
          }
          return Math.sqrt(square);
        }) as unknown as Float64Array;
      },
    },
  ],
  hints: [
    'Along an eigenvector everything is a number: $x_t - x^*$ is $P_t(s)\\, r$. Differentiate that product with respect to $\\lambda$, on which $s$ and $r$ both depend.',
    "$P_t(s)\\, d + P_t'(s)\\, s'\\, r$ with $P_t(s) = (1 - \\eta s)^t$.",
    'For one t:\n```ts\nconst errors = spectrum.map((s, i) => {\n  const P = (1 - eta * s) ** t;\n  const slope = // its derivative by s\n  return P * d[i] + slope * dspectrum[i] * r[i];\n});\n```\nand `Math.hypot(...errors)`.',
  ],
};
