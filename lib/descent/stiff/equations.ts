import { InputError } from '../../errors';
import { checkNoMore, shown } from '../../options';
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
 * @param lambda the ratio of the two rates, not 1; default 1000
 * @throws InputError for another kind of value, or 1.
 */
export function fastSlow(lambda = 1000): StiffProblem {
  checkNoMore('fastSlow', arguments, 1);
  if (!Number.isFinite(lambda) || lambda === 1) {
    throw new InputError({
      given: `fastSlow(${shown(lambda)})`,
      expected: 'a finite ratio other than 1',
      remedy: 'A ratio of 1000 is stiff.',
    });
  }
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
 * References: Radau IIA of order 5 with a relative tolerance of 1e-12; at t = 1e11 the test set of
 * Mazzia & Magherini (problem ROBER).
 *
 * @see Hairer & Wanner, [Solving Ordinary Differential Equations
 *   II](https://doi.org/10.1007/978-3-642-05221-7), §IV.1.
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
    { t: 4e10, y: Float64Array.of(5.2083451768e-8, 2.08333817793e-13, 0.999999947916343) },
    { t: 1e11, y: Float64Array.of(2.083340149701255e-8, 8.333360770334713e-14, 0.999999979166505) },
  ],
};

/**
 * HIRES: eight concentrations of a plant's response to light, stiff and mild at once.
 *
 * Reference: the test set of Mazzia & Magherini; agreed with by Radau IIA and by the classical
 * Runge–Kutta method with 3·10⁵ steps, to 11 digits.
 *
 * @see Hairer & Wanner, [Solving Ordinary Differential Equations
 *   II](https://doi.org/10.1007/978-3-642-05221-7), §IV.10.
 */
export const hires: StiffProblem = {
  name: 'HIRES',
  f(y) {
    const [a, b, c, d, e, g, h, i] = y;
    const meets = 280 * g! * i!;
    return Float64Array.of(
      -1.71 * a! + 0.43 * b! + 8.32 * c! + 0.0007,
      1.71 * a! - 8.75 * b!,
      -10.03 * c! + 0.43 * d! + 0.035 * e!,
      8.32 * b! + 1.71 * c! - 1.12 * d!,
      -1.745 * e! + 0.43 * g! + 0.43 * h!,
      -meets + 0.69 * d! + 1.71 * e! - 0.43 * g! + 0.69 * h!,
      meets - 1.81 * h!,
      -meets + 1.81 * h!,
    );
  },
  jacobian(y) {
    const [byG, byI] = [280 * y[7]!, 280 * y[5]!];
    return [
      [-1.71, 0.43, 8.32, 0, 0, 0, 0, 0],
      [1.71, -8.75, 0, 0, 0, 0, 0, 0],
      [0, 0, -10.03, 0.43, 0.035, 0, 0, 0],
      [0, 8.32, 1.71, -1.12, 0, 0, 0, 0],
      [0, 0, 0, 0, -1.745, 0.43, 0.43, 0],
      [0, 0, 0, 0.69, 1.71, -byG - 0.43, 0.69, -byI],
      [0, 0, 0, 0, 0, byG, -1.81, byI],
      [0, 0, 0, 0, 0, -byG, 1.81, -byI],
    ];
  },
  y0: Float64Array.of(1, 0, 0, 0, 0, 0, 0, 0.0057),
  reference: [
    {
      t: 321.8122,
      y: Float64Array.of(
        7.371312573325668e-4,
        1.442485726316185e-4,
        5.888729740967575e-5,
        1.175651343283149e-3,
        2.386356198831331e-3,
        6.238968252742796e-3,
        2.849998395185769e-3,
        2.850001604814231e-3,
      ),
    },
  ],
};

/**
 * The Oregonator: a chemical clock, whose three concentrations jump by factors of 10⁵.
 *
 * Reference: the test set of Mazzia & Magherini; agreed with by Radau IIA to 12 digits.
 *
 * @see Hairer & Wanner, [Solving Ordinary Differential Equations
 *   II](https://doi.org/10.1007/978-3-642-05221-7), §IV.10.
 */
export const oregonator: StiffProblem = {
  name: 'Oregonator',
  f: ([a, b, c]) =>
    Float64Array.of(
      77.27 * (b! + a! * (1 - 8.375e-6 * a! - b!)),
      (c! - (1 + a!) * b!) / 77.27,
      0.161 * (a! - c!),
    ),
  jacobian: ([a, b]) => [
    [77.27 * (1 - 2 * 8.375e-6 * a! - b!), 77.27 * (1 - a!), 0],
    [-b! / 77.27, -(1 + a!) / 77.27, 1 / 77.27],
    [0.161, 0, -0.161],
  ],
  y0: Float64Array.of(1, 2, 3),
  reference: [
    { t: 360, y: Float64Array.of(1.000814870318523, 1228.178521549917, 132.0554942846706) },
  ],
};
