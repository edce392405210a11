import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { InputError, NotFiniteError, ShapeError } from '../../errors';
import {
  backwardEuler,
  fastSlow,
  finalState,
  hires,
  oregonator,
  type RightHandSide,
  radau,
  robertson,
  vanDerPol,
} from '.';

const off = (y: Float64Array, truth: Float64Array) =>
  Math.max(...y.map((value, i) => Math.abs(value / truth[i]! - 1)));
const decay: RightHandSide = (y) => y.map((x) => -x);

describe.each([
  // The absolute tolerance follows the smallest component.
  { problem: robertson, absolute: 1e-10 },
  { problem: vanDerPol, absolute: 1e-6 },
  { problem: hires, absolute: 1e-4 },
  { problem: oregonator, absolute: 1e-3 },
  { problem: fastSlow(1e6), absolute: 1e-6 },
])('$problem.name', ({ problem, absolute }) => {
  const { f, y0, jacobian, reference } = problem;

  it('is followed to its references, with a Jacobian and without', () => {
    for (const { t, y } of reference) {
      for (const given of [{ jacobian }, {}]) {
        const options = { to: t, relative: 1e-8, absolute: 1e-8 * absolute, ...given };
        const result = radau(f, y0, options);
        expect(result.status).toBe('finished');
        expect(off(finalState(result), y)).toBeLessThan(1e-6);
      }
    }
  });

  it('takes far fewer steps than backward Euler, and is nearer', () => {
    const { t, y } = reference[0]!;
    const tolerance = { relative: 1e-4, absolute: 1e-4 * absolute };
    const accurate = radau(f, y0, { to: t, jacobian, ...tolerance });
    const simple = backwardEuler(f, y0, { to: t, step: 1e-6, jacobian, adaptive: tolerance });
    expect(accurate.times.length).toBeLessThan(simple.times.length / 3);
    expect(off(finalState(accurate), y)).toBeLessThan(off(finalState(simple), y));
  });
});

it('has order 5, and its polynomial order 3', () => {
  // y' = −y²: y = 1/(1 + t), in steps that tolerances do not shorten.
  const f: RightHandSide = (y) => y.map((x) => -x * x);
  const errors = [8, 16].map((count) => {
    const stops = Array.from({ length: count - 1 }, (_, k) => (k + 1) / count);
    const loose = { relative: 0.5, absolute: 10, step: 1 };
    const result = radau(f, Float64Array.of(1), { to: 1, stops, ...loose });
    expect(result.times.length).toBe(count + 1);
    const between = Array.from({ length: 97 }, (_, k) => (k + 0.37) / 97);
    return {
      end: Math.abs(finalState(result)[0]! - 0.5),
      between: Math.max(...between.map((t) => Math.abs(result.at(t)[0]! - 1 / (1 + t)))),
    };
  });
  expect(Math.log2(errors[0]!.end / errors[1]!.end)).toBeGreaterThan(4.5);
  expect(Math.log2(errors[0]!.between / errors[1]!.between)).toBeGreaterThan(2.8);
});

it('does not damp what it should follow, and damps what it should', () => {
  const circle: RightHandSide = ([x, v]) => Float64Array.of(v!, -x!);
  const to = 20 * Math.PI;
  const result = radau(circle, Float64Array.of(1, 0), { to, relative: 1e-9, absolute: 1e-9 });
  expect(finalState(result)[0]).toBeCloseTo(1, 6);
  expect(result.at(Math.PI)[0]).toBeCloseTo(-1, 5);
  // Prothero and Robinson, off its course at first.
  const f: RightHandSide = (y, t) => Float64Array.of(-1e6 * (y[0]! - Math.cos(t)) - Math.sin(t));
  const forced = radau(f, Float64Array.of(3), { to: 2, relative: 1e-8, absolute: 1e-10 });
  expect(finalState(forced)[0]).toBeCloseTo(Math.cos(2), 7);
  expect(forced.times.length).toBeLessThan(200);
});

it('does not depend on the unit of y', () => {
  const run = (s: number) => {
    const f: RightHandSide = (y) => y.map((x) => -1000 * (x / s) * x);
    const result = radau(f, Float64Array.of(s), { to: 1, relative: 1e-6, absolute: 1e-9 * s });
    return { steps: result.times.length, y: finalState(result)[0]! / s };
  };
  for (const s of [1e-250, 1e-30, 1e30]) {
    expect(run(s).steps).toBe(run(1).steps);
    expect(run(s).y * 1001).toBeCloseTo(1, 6);
  }
});

describe.each([1e-30, 1e-12, 1e-6, 1e6, 1e12, 1e30])('without tolerances, in units of %f', (s) => {
  it('decays as it does in any unit', () => {
    const half = { value: ([y]: Float64Array) => y! - s / 2 };
    const { states, events } = radau(decay, Float64Array.of(s), { to: 1, events: [half] });
    expect(states.at(-1)![0]! / s).toBeCloseTo(Math.exp(-1), 7);
    expect(events[0]!.t).toBeCloseTo(Math.LN2, 6);
  });

  it('rises from zero as it does in any unit', () => {
    const rise = ([y]: Float64Array) => Float64Array.of(s - y!);
    const { states } = radau(rise, Float64Array.of(0), { to: 1 });
    expect(states.at(-1)![0]! / s).toBeCloseTo(1 - Math.exp(-1), 7);
  });
});

describe('stops and events', () => {
  it('a pulse between steps is not missed, whichever end belongs to it', () => {
    const exact = 1000 * (1 - Math.exp(-0.001)) * Math.exp(-0.999);
    for (const inside of [(t: number) => t >= 1 && t < 1.001, (t: number) => t > 1 && t <= 1.001]) {
      const f: RightHandSide = (y, t) => Float64Array.of((inside(t) ? 1000 : 0) - y[0]!);
      const result = radau(f, Float64Array.of(0), { to: 2, stops: [1, 1.001] });
      expect(finalState(result)[0]! / exact).toBeCloseTo(1, 5);
      expect([...result.times]).toEqual(expect.arrayContaining([1, 1.001, 2]));
    }
  });

  it('finds when a ball thrown up comes down, and where it turns', () => {
    const fall: RightHandSide = ([, v]) => Float64Array.of(v!, -9.81);
    const result = radau(fall, Float64Array.of(0, 10), {
      to: 100,
      events: [
        { value: ([, v]) => v!, direction: 'down' },
        { value: ([x]) => x!, direction: 'down', ends: true },
      ],
    });
    expect(result.status).toBe('event');
    expect(result.events.map(({ event }) => event)).toEqual([0, 1]);
    expect(result.events[0]!.t).toBeCloseTo(10 / 9.81, 9);
    expect(result.events[0]!.y[0]).toBeCloseTo(100 / 9.81 / 2, 8);
    expect(result.events[1]!.t).toBeCloseTo(20 / 9.81, 9);
    expect(result.times.at(-1)).toBe(result.events[1]!.t);
    expect(result.at(result.times.at(-1)!)[0]).toBeCloseTo(0, 8);
    expect(() => result.at(50)).toThrow(InputError);
  });

  it('counts crossings by their direction', () => {
    const circle: RightHandSide = ([x, v]) => Float64Array.of(v!, -x!);
    const count = (direction: 'up' | 'down' | 'both') =>
      radau(circle, Float64Array.of(0, 1), {
        to: 6.5 * Math.PI,
        relative: 1e-8,
        events: [{ value: ([x]) => x!, direction }],
      }).events.map(({ t }) => Math.round((t / Math.PI) * 1e5) / 1e5);
    expect(count('both')).toEqual([1, 2, 3, 4, 5, 6]);
    expect(count('up')).toEqual([2, 4, 6]);
    expect(count('down')).toEqual([1, 3, 5]);
  });
});

it.each([
  [0, 1e-15],
  [0, 1e-12],
  [1e6, 1e-9],
  [1e9, 1e-6],
])('stops near each other do not end a run: from %d, %d apart', (from, apart) => {
  const stops = [from + 0.5, from + 0.5 + apart];
  const result = radau(decay, Float64Array.of(1), { from, to: from + 1, stops });
  expect(result.status).toBe('finished');
  expect(finalState(result)[0]! / Math.exp(-1)).toBeCloseTo(1, 6);
  // The short step between them does not shorten those after it.
  expect(result.times.length).toBeLessThan(16);
});

it.each([1, -1e6, 1e9])('a time to cover of a few roundings is one step: from %d', (from) => {
  for (const parts of [1, 2, 3]) {
    const to = from + parts * Math.abs(from) * Number.EPSILON;
    const { status, times } = radau(decay, Float64Array.of(1), { from, to });
    expect(status).toBe('finished');
    expect([...times]).toEqual([from, to]);
  }
});

describe('maxStep', () => {
  /** Prothero and Robinson: y = cos t, drawn to it at the rate λ. */
  const drawn: RightHandSide = (y, t) =>
    Float64Array.of(-1e6 * (y[0]! - Math.cos(t)) - Math.sin(t));
  const options = { to: 10, relative: 1e-8, absolute: 1e-10 };
  const worst = ({ at }: ReturnType<typeof radau>) =>
    Math.max(...Array.from({ length: 701 }, (_, i) => Math.abs(at(i / 70)[0]! - Math.cos(i / 70))));

  it('bounds the error of the polynomial where steps may be of any length', () => {
    expect(worst(radau(drawn, Float64Array.of(1), options))).toBeGreaterThan(1e-2);
    const bounded = radau(drawn, Float64Array.of(1), { ...options, maxStep: 0.1, stops: [3.05] });
    const steps = bounded.times.slice(1).map((t, i) => t - bounded.times[i]!);
    expect(Math.max(...steps)).toBeLessThan(0.1 + 1e-12);
    expect(worst(bounded)).toBeLessThan(1e-6);
  });

  it('lets no event between steps be missed', () => {
    const still: RightHandSide = () => Float64Array.of(0);
    const events = [{ value: (_: Float64Array, t: number) => Math.sin(40 * Math.PI * t + 0.1) }];
    const found = radau(still, Float64Array.of(1), { to: 1, maxStep: 0.05, events }).events;
    expect(found.length).toBe(40);
  });
});

it('an event may be an object of a class', () => {
  class Level {
    readonly #level = 0.5;
    value([y]: Float64Array): number {
      return y! - this.#level;
    }
  }
  const [half] = radau(decay, Float64Array.of(1), { to: 2, events: [new Level()] }).events;
  expect(half!.t).toBeCloseTo(Math.LN2, 5);
});

it('an event that is 0 at the start has not happened there', () => {
  const rises = { value: ([y]: Float64Array) => 1 - y! };
  expect(radau(decay, Float64Array.of(1), { to: 2, events: [rises] }).events).toEqual([]);
});

describe('ends with a status', () => {
  const blowsUp: RightHandSide = (y) => y.map((x) => x * x);
  it('where there is no solution to follow', () => {
    const result = radau(blowsUp, Float64Array.of(1), { to: 2 });
    expect(['unsolved', 'diverged']).toContain(result.status);
    expect(result.times.at(-1)).toBeCloseTo(1, 3);
    expect(result.states.every((y) => y.every(Number.isFinite))).toBe(true);
  });

  it('where the steps are used up', () => {
    const result = radau(robertson.f, robertson.y0, { to: 40, maxSteps: 7 });
    expect(result.status).toBe('max-steps');
    expect(result.times.length - 1 + result.rejected).toBe(7);
  });

  it('where the right-hand side jumps at the solution', () => {
    let evaluations = 0;
    const sign: RightHandSide = (y) => {
      evaluations += 1;
      return y.map((x) => -Math.sign(x));
    };
    const { status } = radau(sign, Float64Array.of(1), { to: 2, maxSteps: 10_000 });
    expect(['finished', 'unsolved', 'max-steps']).toContain(status);
    expect(evaluations).toBeLessThan(600_000);
  });
});

describe('at the door', () => {
  it.each<[object, RegExp]>([
    [{ toleranc: 1 }, /'toleranc' of radau/],
    [{ relative: 0 }, /relative: 0/],
    [{ absolute: 0 }, /absolute: 0/],
    [{ absolute: [1, 1] }, /absolute/],
    [{ step: -1 }, /step: -1/],
    [{ events: [{}] }, /events/],
    [{ events: [{ value: () => 1, direction: 'left' }] }, /events/],
    [{ events: [{ value: () => 1, end: true }] }, /'end' of an event/],
    [{ events: [{ value: () => 1, ends: 'no' }] }, /events/],
    [{ maxSteps: 0.5 }, /maxSteps/],
    [{ to: -1 }, /to -1/],
  ])('refuses %j', (options, message) => {
    const call = () => radau(decay, Float64Array.of(1), { to: 1, ...options });
    expect(call).toThrow(InputError);
    expect(call).toThrow(message);
  });

  it('refuses absolute tolerances that are no numbers, and need not be able to turn into one', () => {
    const disposed = tf.scalar(1);
    disposed.dispose();
    for (const entry of [disposed, '1', null]) {
      const call = () => radau(decay, Float64Array.of(1), { to: 1, absolute: [entry as never] });
      expect(call).toThrow(InputError);
    }
  });

  it('refuses an f or a Jacobian of another size, and a NaN', () => {
    const y0 = Float64Array.of(1);
    expect(() => radau(() => Float64Array.of(1, 2), y0, { to: 1 })).toThrow(ShapeError);
    expect(() => radau(decay, y0, { to: 1, jacobian: () => [[1, 2]] })).toThrow(ShapeError);
    expect(() => radau(() => Float64Array.of(Number.NaN), y0, { to: 1 })).toThrow(NotFiniteError);
  });
});

it('radau starts at times far from 0, whatever y is there', () => {
  for (const from of [1e9, -1e12, 1e15]) {
    const { status, states } = radau(() => Float64Array.of(1), Float64Array.of(0), {
      from,
      to: from + 1000,
    });
    expect(status).toBe('finished');
    expect(states.at(-1)![0]).toBeCloseTo(1000, 3);
  }
});
