import { describe, expect, it } from 'vitest';
import { InputError, ShapeError } from '../../errors';
import { cg, gmres } from '../../solvers';
import {
  amplification,
  backwardEuler,
  fastSlow,
  finalState,
  forwardEuler,
  type RightHandSide,
  radau,
  robertson,
  type StabilityFunction,
  stabilityAt,
  stabilityFunctions,
  vanDerPol,
} from '.';

const decay =
  (lambda: number): RightHandSide =>
  (y) =>
    y.map((value) => -lambda * value);
const relative = (y: Float64Array, exact: Float64Array) =>
  Math.max(...y.map((value, i) => Math.abs(value / exact[i]! - 1)));

describe('evaluations', () => {
  const oscillator: RightHandSide = ([x, v]) => Float64Array.of(v!, -9 * x! - v!);
  const adaptive = { relative: 1e-3, absolute: 1e-6 };
  it.each<[string, (f: RightHandSide, y0: Float64Array) => { evaluations: number }]>([
    ['forwardEuler', (f, y0) => forwardEuler(f, y0, { to: 1, step: 0.1, stops: [0.55] })],
    ['backwardEuler', (f, y0) => backwardEuler(f, y0, { to: 1, step: 0.1 })],
    ['adaptive backwardEuler', (f, y0) => backwardEuler(f, y0, { to: 1, step: 0.1, adaptive })],
    ['radau', (f, y0) => radau(f, y0, { to: 1, stops: [0.55] })],
  ])('of %s are all counted, the one at the door too', (_, integrate) => {
    for (const y0 of [Float64Array.of(1, 0), new Float64Array(2)]) {
      let calls = 0;
      const { evaluations } = integrate((y, t) => {
        calls += 1;
        return oscillator(y, t);
      }, y0);
      expect(evaluations).toBe(calls);
    }
  });

  it('of forwardEuler are one for each step', () => {
    expect(
      forwardEuler(oscillator, Float64Array.of(1, 0), { to: 1, step: 0.125 }).evaluations,
    ).toBe(8);
  });
});

describe('forwardEuler', () => {
  it('multiplies by 1 − hλ in a step', () => {
    const { times, states } = forwardEuler(decay(3), Float64Array.of(1), { to: 1, step: 0.25 });
    expect([...times]).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(states.map((y) => y[0])).toEqual([1, 0.25, 0.0625, 0.015625, 0.00390625]);
  });

  it('ends on the end, by a shorter step if need be', () => {
    const { times } = forwardEuler(decay(1), Float64Array.of(1), { from: 1, to: 2, step: 0.3 });
    expect([...times].map((t) => Math.round(t * 1e12) / 1e12)).toEqual([1, 1.3, 1.6, 1.9, 2]);
  });

  it('has an error of order h', () => {
    const error = (step: number) =>
      Math.abs(
        finalState(forwardEuler(decay(1), Float64Array.of(1), { to: 1, step }))[0]! - Math.exp(-1),
      );
    expect(error(1 / 64) / error(1 / 128)).toBeCloseTo(2, 1);
  });

  it('is bound by 2/λ on the fast–slow problem long after the fast decay is over', () => {
    const { f, reference } = fastSlow(1000);
    const settled = reference[0]!;
    const size = (step: number) =>
      Math.abs(finalState(forwardEuler(f, settled.y, { from: settled.t, to: 1, step }))[1]!);
    expect(size(0.0019)).toBeLessThan(1);
    expect(size(0.0021)).toBeGreaterThan(1e6);
  });

  it('stops at the last finite state', () => {
    const result = forwardEuler((y) => y.map((v) => v ** 3), Float64Array.of(10), {
      to: 10,
      step: 1,
    });
    expect(result.status).toBe('diverged');
    expect(finalState(result).every(Number.isFinite)).toBe(true);
    expect(result.times.length).toBe(result.states.length);
  });
});

describe('backwardEuler', () => {
  it('multiplies by 1/(1 + hλ) in a step, be it ever so long', () => {
    for (const h of [0.1, 1, 1e6]) {
      const y = finalState(backwardEuler(decay(3), Float64Array.of(1), { to: h, step: h }))[0]!;
      expect(y * (1 + 3 * h)).toBeCloseTo(1, 7);
    }
  });

  it('has an error of order h', () => {
    const { f, y0, jacobian, reference } = fastSlow(100);
    const error = (step: number) =>
      relative(finalState(backwardEuler(f, y0, { to: 1, step, jacobian })), reference[1]!.y);
    expect(error(1 / 64) / error(1 / 128)).toBeCloseTo(2, 1);
  });

  it('takes f at the end of the step where it depends on the time', () => {
    // Prothero and Robinson: y = cos t, whatever λ; one long step leaves an error of h/λ only.
    const lambda = 1e6;
    const f: RightHandSide = (y, t) =>
      Float64Array.of(-lambda * (y[0]! - Math.cos(t)) - Math.sin(t));
    const y = finalState(backwardEuler(f, Float64Array.of(1), { to: 2, step: 0.5 }))[0]!;
    expect(Math.abs(y - Math.cos(2))).toBeLessThan(1e-6);
  });

  it('is the proximal point of a potential: F = √(1 + x²), step 50, from 2', () => {
    const f: RightHandSide = (y) => y.map((x) => -x / Math.sqrt(1 + x * x));
    const { states } = backwardEuler(f, Float64Array.of(2), { to: 100, step: 50, solver: cg() });
    expect(states[1]![0]! + 50 * (states[1]![0]! / Math.hypot(1, states[1]![0]!))).toBeCloseTo(
      2,
      8,
    );
    expect(states[1]![0]).toBeCloseTo(0.039, 3);
    expect(states[2]![0]).toBeCloseTo(0.0008, 4);
  });

  // What a first-order method reaches with a relative tolerance of 1e-4, at most.
  it.each([
    [fastSlow(1000), [1e-4, 0.01, 0.05]],
    // At the last two times the absolute tolerance, 1e-8, is not far below y₁ itself.
    [robertson, [0.003, 0.006, 0.01, 0.25, 0.35]],
    [vanDerPol, [1e-6, 0.005, 0.05]],
  ])('follows $name to its references, and better with a smaller tolerance', (problem, limits) => {
    const { f, y0, jacobian, reference } = problem;
    const run = (to: number, tolerance: number) =>
      backwardEuler(f, y0, {
        to,
        step: 1e-6,
        jacobian,
        adaptive: { relative: tolerance, absolute: 1e-4 * tolerance },
      });
    reference.forEach(({ t, y }, i) => {
      const result = run(t, 1e-4);
      expect(result.status).toBe('finished');
      expect(result.times.at(-1)).toBe(t);
      expect(relative(finalState(result), y)).toBeLessThan(limits[i]!);
    });
    const { t, y } = reference[1]!;
    const coarse = relative(finalState(run(t, 1e-3)), y);
    const fine = relative(finalState(run(t, 1e-5)), y);
    expect(coarse / fine).toBeGreaterThan(6);
  });

  it('takes steps whose true error is .81 of the tolerance, as its controller aims at', () => {
    const { times, states } = backwardEuler(decay(1), Float64Array.of(1), {
      to: 3,
      step: 1e-3,
      adaptive: { relative: 1e-4, absolute: 1e-12 },
    });
    for (let k = Math.floor(times.length / 2); k < times.length - 2; k++) {
      const [before, after] = [states[k]![0]!, states[k + 1]![0]!];
      const error = Math.abs(after - before * Math.exp(times[k]! - times[k + 1]!)) / before;
      expect(error / 1e-4).toBeGreaterThan(0.7);
      expect(error / 1e-4).toBeLessThan(0.9);
    }
  });

  it('takes steps a thousand times longer than an explicit method could', () => {
    const { f, y0, jacobian } = robertson;
    const adaptive = { relative: 1e-3, absolute: 1e-7 };
    const { times } = backwardEuler(f, y0, { to: 400, step: 1e-6, jacobian, adaptive });
    const longest = Math.max(...times.slice(1).map((t, k) => t - times[k]!));
    // The fast rate is about 1e4 y₃ + 6e7 y₂ ≈ 2000 and more, so that 2/λ < 1e-3.
    expect(longest).toBeGreaterThan(1);
    expect(times.length).toBeLessThan(300);
  });

  it('keeps the sum of Robertson’s concentrations, as every linear invariant', () => {
    const { f, y0, jacobian } = robertson;
    const { states } = backwardEuler(f, y0, { to: 40, step: 1, jacobian });
    for (const y of states) expect(y[0]! + y[1]! + y[2]!).toBeCloseTo(1, 11);
  });

  it.each([robertson, vanDerPol])(
    '$name: differenced or given Jacobian, dense or GMRES, it is the same',
    ({ f, y0, jacobian }) => {
      const options = { to: 10, step: 0.5 };
      const truth = backwardEuler(f, y0, { ...options, jacobian });
      for (const other of [
        backwardEuler(f, y0, options),
        backwardEuler(f, y0, { ...options, jacobian, solver: gmres({ tolerance: 1e-8 }) }),
        backwardEuler(f, y0, { ...options, solver: gmres({ tolerance: 1e-8 }) }),
      ]) {
        expect(other.status).toBe('finished');
        expect(relative(finalState(other), finalState(truth))).toBeLessThan(1e-7);
      }
    },
  );

  it('agrees with Jacobians by differences: those of the problems are right', () => {
    for (const { jacobian, f, reference } of [fastSlow(), robertson, vanDerPol]) {
      const { y, t } = reference[1]!;
      const J = jacobian(y, t);
      y.forEach((value, j) => {
        const h = 1e-6 * Math.max(Math.abs(value), 1e-6);
        const [up, down] = [y.slice(), y.slice()];
        up[j]! += h;
        down[j]! -= h;
        const [above, below] = [f(up, t), f(down, t)];
        J.forEach((row, i) => {
          const difference = (above[i]! - below[i]!) / (2 * h);
          expect(Math.abs(difference - row[j]!)).toBeLessThan(1e-4 * (1 + Math.abs(row[j]!)));
        });
      });
    }
  });

  it('does not take a step that its solver could not find', () => {
    // y' = y with h > 1: 1 − h is negative, which conjugate gradients refuse and a matrix solves.
    const grows: RightHandSide = (y) => y.slice();
    const options = { to: 4, step: 4 };
    expect(backwardEuler(grows, Float64Array.of(1), { ...options, solver: cg() }).status).toBe(
      'unsolved',
    );
    expect(finalState(backwardEuler(grows, Float64Array.of(1), options))[0]).toBeCloseTo(-1 / 3, 6);
  });

  it('shortens a step on which Newton’s iteration fails, where it may', () => {
    const f: RightHandSide = (y) => y.map((v) => -Math.sqrt(v) * 10);
    const options = { to: 0.1, step: 0.1, maxNewtonIterations: 4 };
    const fixed = backwardEuler(f, Float64Array.of(1), { ...options, step: 10, to: 10 });
    expect(fixed.status).toBe('unsolved');
    expect(fixed.states.length).toBe(1);
    const adaptive = { relative: 1e-3, absolute: 1e-6 };
    const result = backwardEuler(f, Float64Array.of(1), { ...options, adaptive });
    expect(result.status).toBe('finished');
    expect(finalState(result)[0]).toBeCloseTo((1 - 0.5) ** 2, 1);
  });

  it('gives up where there is no solution to follow, with finite states', () => {
    // y' = y² from 1 is infinite at t = 1.
    const result = backwardEuler((y) => y.map((v) => v * v), Float64Array.of(1), {
      to: 2,
      step: 0.01,
      adaptive: { relative: 1e-3, absolute: 1e-6 },
    });
    expect(result.status).toBe('unsolved');
    expect(result.times.at(-1)).toBeLessThan(1.2);
    expect(result.states.every((y) => y.every(Number.isFinite))).toBe(true);
  });
});

describe.each([
  ['forwardEuler', forwardEuler],
  ['backwardEuler', backwardEuler],
])('%s', (_, integrate) => {
  const y0 = Float64Array.of(1);
  it.each([
    [{ to: 0, step: 0.1 }, decay(1), /from 0 to 0/],
    [{ to: Number.NaN, step: 0.1 }, decay(1), /to NaN/],
    [{ to: 1, step: 0 }, decay(1), /step 0/],
    [{ to: 1, step: -1 }, decay(1), /step -1/],
    // A step that rounding swallows would go on for ever.
    [{ from: 1e9, to: 1e9 + 1, step: 1e-9 }, decay(1), /moves the time/],
    [{ to: 1, step: 0.1 }, () => Float64Array.of(1, 2), /length 2/],
    [{ to: 1, step: 0.1 }, () => Float64Array.of(Number.NaN), /finite/],
  ])('refuses %j', (options, f, message) => {
    expect(() => integrate(f, y0, options)).toThrow(message);
  });
});

it.each([
  [[[-1]]],
  [[[-1], [0]]],
  [
    [
      [-1, 0, 0],
      [0, -1, 0],
    ],
  ],
])('refuses the Jacobian %j of two components', (jacobian) => {
  const f = (y: Float64Array) => y.map((value) => -value);
  const options = { to: 1, step: 0.1, jacobian: () => jacobian };
  expect(() => backwardEuler(f, Float64Array.of(1, 2), options)).toThrow(ShapeError);
});

it('refuses an absolute tolerance of 0, which a state of 0 could not meet', () => {
  const adaptive = { relative: 1e-3, absolute: 0 };
  expect(() => backwardEuler(decay(1), Float64Array.of(1), { to: 1, step: 1, adaptive })).toThrow(
    /adaptive/,
  );
});

describe.each(Object.values(stabilityFunctions) as StabilityFunction[])(
  'the stability function of $name',
  (method) => {
    it('agrees with the exponential to its order', () => {
      const error = (h: number) => {
        const z = { re: 0.6 * h, im: 0.8 * h };
        const value = stabilityAt(method, z);
        return Math.hypot(
          value.re - Math.exp(z.re) * Math.cos(z.im),
          value.im - Math.exp(z.re) * Math.sin(z.im),
        );
      };
      expect(Math.log2(error(0.02) / error(0.01))).toBeCloseTo(method.order + 1, 1);
    });

    it('is bounded by 1 on the left half-plane just where it is called A-stable', () => {
      let largest = 0;
      for (let i = -40; i <= 40; i++) {
        for (let j = -200; j <= 200; j++) {
          const [x, y] = [-(10 ** (i / 10)), Math.sign(j) * 10 ** ((Math.abs(j) - 100) / 25)];
          largest = Math.max(largest, amplification(method, x, y));
        }
      }
      if (method.aStable) expect(largest).toBeLessThanOrEqual(1 + 1e-12);
      else expect(largest).toBeGreaterThan(1);
    });

    it('vanishes at infinity just where it is called L-stable', () => {
      const far = amplification(method, -1e9);
      if (method.lStable) expect(far).toBeLessThan(1e-8);
      else expect(far).toBeGreaterThan(0.999);
    });

    it('crosses 1 on the real axis at its limit', () => {
      const { realLimit } = method;
      if (realLimit === Number.NEGATIVE_INFINITY) {
        expect(amplification(method, -1e6)).toBeLessThanOrEqual(1);
      } else {
        expect(amplification(method, realLimit)).toBeCloseTo(1, 9);
        expect(amplification(method, realLimit - 1e-6)).toBeGreaterThan(1);
        for (let k = 1; k < 100; k++) {
          expect(amplification(method, (realLimit * k) / 100)).toBeLessThanOrEqual(1);
        }
      }
    });
  },
);

it.each([1e5, 1e80, 1e160, 1e200, 1e300])(
  'a stability function is right as far from 0 as %d',
  (far) => {
    const { forwardEuler, backwardEuler, trapezoid, radauIIA3, rk4 } = stabilityFunctions;
    const limits = (re: number, im: number) => [
      amplification(forwardEuler, re, im) / far,
      amplification(backwardEuler, re, im) * far,
      amplification(trapezoid, re, im),
      amplification(radauIIA3, re, im) * far,
    ];
    const expected = [1, 1, 1, 2];
    for (const [re, im] of [
      [-far, 0],
      [0, far],
      [-0.6 * far, -0.8 * far],
    ] as const) {
      for (const [i, limit] of limits(re, im).entries()) {
        expect(Math.abs(limit / expected[i]! - 1)).toBeLessThan(1e-4);
      }
    }
    expect(amplification(rk4, -far)).toBeGreaterThan(1e15);
  },
);

it.each<[string, () => unknown]>([
  ['a NaN', () => amplification(stabilityFunctions.rk4, Number.NaN)],
  ['an infinity', () => amplification(stabilityFunctions.rk4, Number.NEGATIVE_INFINITY)],
  ['a text', () => amplification(stabilityFunctions.rk4, '1' as never)],
  [
    'a text as a coefficient',
    () => amplification({ ...stabilityFunctions.rk4, numerator: ['1' as never] }, 1),
  ],
  ['no coefficients', () => amplification({ ...stabilityFunctions.rk4, denominator: [] }, 1)],
])('a stability function refuses %s', (_, call) => {
  expect(call).toThrow(InputError);
});

it('a Jacobian may be the method of options that are an object of a class', () => {
  class Options {
    readonly to = 1;
    readonly step = 0.01;
    readonly #rate = -1;
    jacobian(): number[][] {
      return [[this.#rate]];
    }
  }
  for (const integrate of [backwardEuler, radau]) {
    const y = finalState(integrate(decay(1), Float64Array.of(1), new Options()))[0]!;
    expect(Math.abs(y - Math.exp(-1))).toBeLessThan(0.01);
  }
});

it('a state may be longer than a list of arguments', () => {
  const solver = gmres();
  const y0 = new Float64Array(150_000).fill(1);
  const y = finalState(backwardEuler(decay(1), y0, { to: 0.1, step: 0.1, solver }));
  expect(y[0]).toBeCloseTo(1 / 1.1, 6);
});

it('the stability functions are those of the integrators', () => {
  for (const z of [-0.3, -1.7, -5]) {
    const options = { to: 1, step: 1 };
    const explicit = finalState(forwardEuler(decay(-z), Float64Array.of(1), options))[0]!;
    const implicit = finalState(backwardEuler(decay(-z), Float64Array.of(1), options))[0]!;
    expect(explicit).toBeCloseTo(
      stabilityAt(stabilityFunctions.forwardEuler, { re: z, im: 0 }).re,
      12,
    );
    expect(implicit).toBeCloseTo(
      stabilityAt(stabilityFunctions.backwardEuler, { re: z, im: 0 }).re,
      7,
    );
  }
});

it('a pole counts as unstable', () => {
  expect(amplification(stabilityFunctions.backwardEuler, 1)).toBe(Number.POSITIVE_INFINITY);
  const pole = stabilityAt(stabilityFunctions.backwardEuler, { re: 1, im: 0 });
  expect(pole).toEqual({ re: Number.POSITIVE_INFINITY, im: 0 });
});
