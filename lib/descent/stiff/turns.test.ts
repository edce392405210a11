import { describe, expect, it } from 'vitest';
import { InputError } from '../../errors';
import { cg, dense, gmres } from '../../solvers';
import type { LinearOperator } from '../../spaces';
import {
  backwardEuler,
  backwardEulerAsync,
  forwardEuler,
  forwardEulerAsync,
  radau,
  radauAsync,
  robertson,
  vanDerPol,
} from '.';
import { factorized } from './linear-algebra';
import { inTurns } from './work';

const y0 = Float64Array.of(1, 0, 2);
/** A linear system, stiff in one component. */
const f = (y: Float64Array) => Float64Array.of(-y[0]! + y[1]!, -y[1]!, -50 * (y[2]! - y[0]!));

describe('asynchronous integrators return what the others do', () => {
  it.each([
    [
      'radau',
      () => radau(robertson.f, robertson.y0, { to: 40 }),
      () => radauAsync(robertson.f, robertson.y0, { to: 40 }),
    ],
    [
      'backwardEuler',
      () => backwardEuler(f, y0, { to: 1, step: 0.1 }),
      () => backwardEulerAsync(f, y0, { to: 1, step: 0.1 }),
    ],
    [
      'backwardEuler by GMRES, adaptive',
      () =>
        backwardEuler(f, y0, {
          ...{ to: 1, step: 0.1, solver: gmres({ tolerance: 1e-12 }) },
          adaptive: { relative: 1e-3, absolute: 1e-6 },
        }),
      () =>
        backwardEulerAsync(f, y0, {
          ...{ to: 1, step: 0.1, solver: gmres({ tolerance: 1e-12 }) },
          adaptive: { relative: 1e-3, absolute: 1e-6 },
        }),
    ],
    [
      'forwardEuler',
      () => forwardEuler(f, y0, { to: 1, step: 0.01, stops: [0.305] }),
      () => forwardEulerAsync(f, y0, { to: 1, step: 0.01, stops: [0.305] }),
    ],
  ])('%s', async (_, atOnce, inTurns) => {
    const [expected, got] = [atOnce(), await inTurns()];
    expect(got.status).toBe('finished');
    expect(JSON.stringify(got)).toBe(JSON.stringify(expected));
  });

  it('and reject what they refuse', async () => {
    const options = { to: -1, step: 1 };
    for (const integrate of [radauAsync, backwardEulerAsync, forwardEulerAsync]) {
      await expect(integrate(f, y0, options)).rejects.toThrow(InputError);
    }
    const lost = (_: Float64Array, t: number) => {
      if (t > 0.5) throw new Error('lost');
      return y0;
    };
    for (const integrate of [radauAsync, backwardEulerAsync, forwardEulerAsync]) {
      await expect(integrate(lost, y0, { to: 1, step: 0.1 })).rejects.toThrow('lost');
    }
  });
});

/** At most how many calls of a slow function come between two turns of the event loop. */
async function mostInOneTurn(run: (slow: () => void) => Promise<unknown>) {
  const seen = { calls: 0, inOneTurn: 0, most: 0 };
  let going = true;
  const turn = () => {
    seen.inOneTurn = 0;
    if (going) setTimeout(turn, 0);
  };
  setTimeout(turn, 0);
  await run(() => {
    const end = performance.now() + 12;
    while (performance.now() < end);
    seen.calls++;
    seen.most = Math.max(seen.most, ++seen.inOneTurn);
  });
  going = false;
  expect(seen.calls).toBeGreaterThan(10);
  return seen.most;
}

describe('timers get a turn', () => {
  /** The evaluations of one iteration: three stages, or a point, its differences and the error. */
  const UNPARTED = 6;

  it.each([
    ['radau', (g: typeof f) => radauAsync(g, y0, { to: 1, relative: 1e-2 })],
    ['forwardEuler', (g: typeof f) => forwardEulerAsync(g, y0, { to: 1, step: 0.05 })],
    ['backwardEuler', (g: typeof f) => backwardEulerAsync(g, y0, { to: 1, step: 0.2 })],
    [
      'backwardEuler by CG',
      (g: typeof f) =>
        backwardEulerAsync((y) => g(y).map((_, i) => -(i + 1) * y[i]!), y0, {
          ...{ to: 1, step: 0.5, solver: cg({ tolerance: 1e-12 }) },
        }),
    ],
  ])('in %s', async (_, integrate) => {
    const most = await mostInOneTurn((slow) =>
      integrate((y) => {
        slow();
        return f(y);
      }),
    );
    expect(most).toBeLessThanOrEqual(UNPARTED);
  });

  it('in the factorization of a large matrix, of which only some is one piece', async () => {
    const size = 160;
    const entries = Float64Array.from({ length: size ** 2 }, (_, i) =>
      i % (size + 1) === 0 ? 3 : Math.sin(i) / size,
    );
    let pieces = 0;
    const work = factorized(size, entries);
    while (!work.next().done) pieces++;
    expect(pieces).toBeGreaterThan(0);
    const factors = await inTurns(factorized(size, entries));
    expect(factors!.size).toBe(size);
  });
});

it('an integration is over with the solver that it waits for', async () => {
  const inner = dense();
  const counted = {
    ...inner,
    solve: (A: LinearOperator<Float64Array>, b: Float64Array) => inner.solve(A, b),
    solveSync: () => {
      throw new Error('not waited for');
    },
  };
  const { f, y0 } = vanDerPol;
  const options = { to: 0.1, step: 0.05 };
  const expected = backwardEuler(f, y0, options);
  const got = await backwardEulerAsync(f, y0, { ...options, solver: counted as never });
  expect(got.states).toEqual(expected.states);
});
