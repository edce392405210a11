import { describe, expect, it } from 'vitest';
import { InputError } from '../../errors';
import { cg, type LinearSolver } from '../../solvers';
import {
  type BackwardEulerOptions,
  backwardEuler,
  finalState,
  forwardEuler,
  type RightHandSide,
  robertson,
} from '.';

const { f: kinetics, y0: pure } = robertson;

describe('the unit of y changes nothing', () => {
  it.each([1, 1e-12, 1e-100, 1e-300, 1e200])('a quadratic decay from %d', (s) => {
    const f: RightHandSide = (y) => Float64Array.of(-1000 * (y[0]! / s) * y[0]!);
    let truth = 1;
    for (let i = 0; i < 10; i++) truth = (-1 + Math.sqrt(1 + 4 * truth)) / 2;
    const options = { to: 0.01, step: 0.001 };
    const jacobian = (y: Float64Array) => [[-2000 * (y[0]! / s)]];
    for (const given of [{}, { jacobian }]) {
      const result = backwardEuler(f, Float64Array.of(s), { ...options, ...given });
      expect(result.status).toBe('finished');
      expect(finalState(result)[0]! / s / truth).toBeCloseTo(1, 8);
    }
  });

  it('nor does a unit for each component: the same steps', () => {
    const run = (units: number[]) => {
      const f: RightHandSide = (y) =>
        kinetics(
          y.map((value, i) => value / units[i]!),
          0,
        ).map((slope, i) => slope * units[i]!);
      return backwardEuler(
        f,
        pure.map((value, i) => value * units[i]!),
        { to: 40, step: 1 },
      );
    };
    const [plain, scaled] = [run([1, 1, 1]), run([10, 1e3, 1e-3])];
    expect(scaled.newtonIterations / plain.newtonIterations).toBeCloseTo(1, 1);
    finalState(scaled).forEach((value, i) => {
      expect(value / [10, 1e3, 1e-3][i]! / finalState(plain)[i]!).toBeCloseTo(1, 6);
    });
  });

  it('Robertson without a Jacobian to 4e10: as right, and as many steps, as with it', () => {
    const options = { to: 4e10, step: 1e-3, adaptive: { relative: 1e-3, absolute: 1e-9 } };
    const { jacobian } = robertson;
    const [given, differenced] = [
      backwardEuler(kinetics, pure, { ...options, jacobian }),
      backwardEuler(kinetics, pure, options),
    ];
    for (const { status, states, times } of [given, differenced]) {
      expect(status).toBe('finished');
      // 5.2083e-8, to what a first-order method can do with 1e-3.
      expect(states.at(-1)![0]! / 5.2083e-8).toBeCloseTo(1, 0);
      expect(Math.abs(times.length / given.times.length - 1)).toBeLessThan(0.05);
    }
    expect(finalState(differenced)[0]! / finalState(given)[0]!).toBeCloseTo(1, 1);
  });
});

it.each([1e-6, 1e-12, 1e-15])('a steep start, −log x from %d, ends at the right point', (y0) => {
  const f: RightHandSide = (y) => y.map((x) => 1 / x);
  const result = backwardEuler(f, Float64Array.of(y0), { to: 1e-3, step: 1e-3 });
  expect(result.status).toBe('finished');
  expect(finalState(result)[0]).toBeCloseTo((y0 + Math.sqrt(y0 * y0 + 4e-3)) / 2, 8);
});

it('a start too steep for the iterations is unsolved, not wrong', () => {
  const f: RightHandSide = (y) => y.map((x) => 1 / x);
  const result = backwardEuler(f, Float64Array.of(1e-100), { to: 1e-3, step: 1e-3 });
  expect(result.status).toBe('unsolved');
  const adaptive = { relative: 1e-3, absolute: 1e-6 };
  const shorter = backwardEuler(f, Float64Array.of(1e-100), { to: 1e-3, step: 1e-3, adaptive });
  expect(shorter.status).toBe('finished');
  expect(finalState(shorter)[0]! / Math.sqrt(2e-3)).toBeCloseTo(1, 1);
});

describe('the work is limited', () => {
  it('on a right-hand side that jumps at the solution', () => {
    let evaluations = 0;
    const f: RightHandSide = (y) => {
      evaluations += 1;
      return y.map((x) => -Math.sign(x));
    };
    const adaptive = { relative: 1e-3, absolute: 1e-6 };
    const { status } = backwardEuler(f, Float64Array.of(1), { to: 2, step: 0.01, adaptive });
    expect(['unsolved', 'max-steps', 'finished']).toContain(status);
    expect(evaluations).toBeLessThan(200_000);
  });

  it.each([
    ['forwardEuler', forwardEuler],
    ['backwardEuler', backwardEuler],
  ])('by maxSteps: %s', (_, integrate) => {
    const decay: RightHandSide = (y) => y.map((x) => -x);
    const cut = integrate(decay, Float64Array.of(1), { to: 1, step: 1e-3, maxSteps: 10 });
    expect(cut.status).toBe('max-steps');
    expect(cut.times.length).toBe(11);
    const whole = integrate(decay, Float64Array.of(1), { to: 1, step: 0.1, maxSteps: 10 });
    expect(whole.status).toBe('finished');
  });

  it('counts the rejected steps', () => {
    const blowsUp: RightHandSide = (y) => y.map((x) => x * x);
    const adaptive = { relative: 1e-3, absolute: 1e-6 };
    const options = { to: 2, step: 0.01, adaptive, maxSteps: 50 };
    const { status, times, rejected } = backwardEuler(blowsUp, Float64Array.of(1), options);
    expect(status).toBe('max-steps');
    expect(times.length - 1 + rejected).toBe(50);
  });
});

describe('stops', () => {
  const exact = 1000 * (1 - Math.exp(-0.001)) * Math.exp(-0.999);
  const pulses: [string, (t: number) => boolean][] = [
    ['closed at its start', (t) => t >= 1 && t < 1.001],
    ['closed at its end', (t) => t > 1 && t <= 1.001],
  ];
  const adaptive = { relative: 1e-3, absolute: 1e-6 };
  it.each(pulses)('a pulse between steps is not missed: %s', (_, inside) => {
    const f: RightHandSide = (y, t) => Float64Array.of((inside(t) ? 1000 : 0) - y[0]!);
    const y0 = Float64Array.of(0);
    const options = { to: 2, step: 0.1 };
    expect(finalState(backwardEuler(f, y0, { ...options, adaptive }))[0]).toBe(0);
    const stops = [1.001, 1, 1, 7, -3];
    for (const result of [
      backwardEuler(f, y0, { ...options, adaptive, stops }),
      backwardEuler(f, y0, { ...options, step: 0.01, stops }),
      forwardEuler(f, y0, { ...options, step: 0.01, stops }),
    ]) {
      expect(result.status).toBe('finished');
      expect([...result.times]).toEqual(expect.arrayContaining([1, 1.001, 2]));
      expect(finalState(result)[0]! / exact).toBeCloseTo(1, 1);
      expect(Math.max(...result.times)).toBe(2);
    }
  });

  it('steps go on as they were after a stop', () => {
    const decay: RightHandSide = (y) => y.map((x) => -x);
    const { times } = forwardEuler(decay, Float64Array.of(1), { to: 1, step: 0.25, stops: [0.4] });
    expect([...times]).toEqual([0, 0.25, 0.4, 0.65, 0.9, 1]);
  });
});

describe('far from t = 0', () => {
  const decay: RightHandSide = (y) => y.map((x) => -x);
  const lengths = (times: Float64Array) => [...times.slice(1)].map((t, i) => t - times[i]!);

  it.each([0, 1, -1e6, 1e6, 123456.7, 1e9])('from %d there are as many steps as fit', (from) => {
    for (const [span, count] of [
      [1, 10],
      [0.7, 7],
      [3.3, 100],
    ] as const) {
      const step = span / count;
      const options = { from, to: from + span, step };
      for (const { times, states, status } of [
        forwardEuler(decay, Float64Array.of(1), options),
        backwardEuler(decay, Float64Array.of(1), options),
      ]) {
        expect(status).toBe('finished');
        expect(times.length).toBe(count + 1);
        expect(states.length).toBe(count + 1);
        for (const h of lengths(times)) expect(Math.abs(h / step - 1)).toBeLessThan(1e-4);
      }
    }
  });

  it('no sliver is left before a stop', () => {
    const from = 123456.7;
    const stops = [from + 0.3, from + 0.7];
    const options = { from, to: from + 1, step: 0.001, stops };
    for (const integrate of [forwardEuler, backwardEuler]) {
      const { times } = integrate(decay, Float64Array.of(1), options);
      expect(times.length).toBe(1001);
      for (const stop of stops) expect(times).toContain(stop);
    }
  });
});

describe('at the door', () => {
  const decay: RightHandSide = (y) => y.map((x) => -x);
  const own = { name: 'own', solve: cg().solve } as unknown as LinearSolver;
  it.each<[object, RegExp]>([
    [{ adaptve: { relative: 1e-3, absolute: 1e-6 } }, /'adaptve' of backwardEuler/],
    [{ solver: 'dense' }, /"dense" as the solver.*cg\(\)/],
    [{ solver: cg }, /the function cg.*cg\(\)/],
    [{ solver: own }, /no solveSync\(\).*Add it: solver\.solveSync\(A, b\)/],
    [{ stops: 1 }, /stops 1/],
    [{ stops: [Number.NaN] }, /stops/],
    [{ maxSteps: 0 }, /maxSteps: 0/],
    [{ newtonTolerance: 0 }, /newtonTolerance: 0/],
    [{ maxNewtonIterations: 1.5 }, /maxNewtonIterations: 1.5/],
  ])('refuses %j', (options, message) => {
    const call = () =>
      backwardEuler(decay, Float64Array.of(1), {
        to: 1,
        step: 0.1,
        ...options,
      } as BackwardEulerOptions);
    expect(call).toThrow(InputError);
    expect(call).toThrow(message);
  });

  it('refuses a y0 that is not a Float64Array, and an f that is not a function', () => {
    const options = { to: 1, step: 0.1 };
    expect(() => backwardEuler(decay, [1] as never, options)).toThrow(/Float64Array\.of/);
    expect(() => forwardEuler(undefined as never, Float64Array.of(1), options)).toThrow(InputError);
    expect(() => forwardEuler(decay, Float64Array.of(1), { ...options, stp: 1 } as never)).toThrow(
      /'stp' of forwardEuler/,
    );
  });

  it('takes a solver of one’s own that has solveSync', () => {
    const solveSync: LinearSolver['solveSync'] = (A, b, options) => cg().solveSync(A, b, options);
    const solver = { name: 'own', solveSync } as unknown as LinearSolver;
    const { status } = backwardEuler(decay, Float64Array.of(1), { to: 1, step: 0.1, solver });
    expect(status).toBe('finished');
  });
});
