import type { RightHandSide } from './ode';

/** A stiff initial value problem from t = 0, with states that are known. */
export interface StiffProblem {
  name: string;
  f: RightHandSide;
  /** `∂f/∂y` as rows. */
  jacobian(y: Float64Array, t: number): number[][];
  y0: Float64Array;
  /** The state at some times, to all digits printed. */
  reference: { t: number; y: Float64Array }[];
}

/**
 * A fast variable that follows a slow one: `x' = −x`, `z' = −λ(z − x)`, from (1, 0).
 *
 * After the time 1/λ only the slow decay is left, but an explicit step stays bound by 2/λ. The
 * solution is `x = e⁻ᵗ`, `z = λ/(λ − 1) (e⁻ᵗ − e^(−λt))`.
 *
 * @param lambda the ratio of the two rates, not 1
 */
export function fastSlow(lambda = 1000): StiffProblem {
  const exact = (t: number) => {
    const [slow, fast] = [Math.exp(-t), Math.exp(-lambda * t)];
    return { t, y: Float64Array.of(slow, (lambda / (lambda - 1)) * (slow - fast)) };
  };
  return {
    name: `linear fast–slow, ratio ${lambda}`,
    f: ([x, z]) => Float64Array.of(-x!, -lambda * (z! - x!)),
    jacobian: () => [
      [-1, 0],
      [lambda, -lambda],
    ],
    y0: Float64Array.of(1, 0),
    reference: [exact(0.01), exact(1), exact(5)],
  };
}

/**
 * Van der Pol's oscillator, `x'' = μ(1 − x²)x' − x`, from x = 2 at rest, with μ = 1000: long slow
 * stretches and jumps a thousand times faster, the first of them near t = 807.
 *
 * References: Radau IIA of order 5 with a relative tolerance of 1e-12; at t = 2000 also the test
 * set of Mazzia & Magherini (problem VDPOL, time and x' scaled by μ).
 */
export const vanDerPol: StiffProblem = {
  name: 'Van der Pol, μ = 1000',
  f: ([x, v]) => Float64Array.of(v!, 1000 * (1 - x! * x!) * v! - x!),
  jacobian: ([x, v]) => [
    [0, 1],
    [-2000 * x! * v! - 1, 1000 * (1 - x! * x!)],
  ],
  y0: Float64Array.of(2, 0),
  reference: [
    { t: 1, y: Float64Array.of(1.9993333705, -6.6703712317e-4) },
    { t: 500, y: Float64Array.of(1.596768951, -1.0303911878e-3) },
    { t: 2000, y: Float64Array.of(1.70616773217, -8.9280970102e-4) },
  ],
};

/**
 * Robertson's chemical kinetics: three concentrations, which always add up to 1, and rates from
 * .04 to 3e7.
 *
 * References: Radau IIA of order 5 with a relative tolerance of 1e-12.
 *
 * @see Hairer & Wanner, Solving Ordinary Differential Equations II, §IV.1.
 */
export const robertson: StiffProblem = {
  name: 'Robertson',
  f([a, b, c]) {
    const first = 0.04 * a!;
    const second = 3e7 * b! * b!;
    const third = 1e4 * b! * c!;
    return Float64Array.of(third - first, first - third - second, second);
  },
  jacobian: ([, b, c]) => [
    [-0.04, 1e4 * c!, 1e4 * b!],
    [0.04, -1e4 * c! - 6e7 * b!, -1e4 * b!],
    [0, 6e7 * b!, 0],
  ],
  y0: Float64Array.of(1, 0, 0),
  reference: [
    { t: 0.4, y: Float64Array.of(0.98517211386, 3.386395379e-5, 0.014794022185) },
    { t: 40, y: Float64Array.of(0.71582706872, 9.185534765e-6, 0.28416374575) },
    { t: 400, y: Float64Array.of(0.45051866847, 3.2229014417e-6, 0.5494781086) },
  ],
};
