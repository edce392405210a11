import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors';
import { random } from '../numbers';
import { float64, type LinearOperator, type NamedTensors } from '../spaces';
import { cg, cgNormal, fixedPoint, gmres, minres, neumann, type TracedIteration } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const makers = { cg, cgNormal, fixedPoint, gmres, minres, neumann };
/** A diagonal in (0, 2), so that every solver converges. */
const diagonal = [0.5, 0.8, 1, 1.2, 1.4];
const A: LinearOperator<Float64Array> = {
  apply: (v) => v.map((x, i) => diagonal[i]! * x),
  dispose() {},
};
const b = random(3).normals(diagonal.length);

describe.each(Object.entries(makers))('%s', (name, make) => {
  const solved = async (b: Float64Array) => {
    const seen: TracedIteration[] = [];
    const solver = make({ tolerance: 1e-8, trace: (it) => seen.push(it) });
    return { seen, solver, ...(await solver.solve(A, b)) };
  };

  it('is told of every iteration, whose last residual is that of the solution', async () => {
    const { seen, iterations, residualNorm } = await solved(b);
    expect(seen.map(({ iteration }) => iteration)).toEqual(seen.map((_, i) => i + 1));
    expect(seen).toHaveLength(iterations);
    expect(Math.abs(seen.at(-1)!.residualNorm - residualNorm)).toBeLessThan(1e-12);
  });

  it('is told of residuals in the size of b, however small that is', async () => {
    const usual = await solved(b);
    const tiny = await solved(float64.scale(2 ** -700, b));
    expect(tiny.seen).toHaveLength(usual.seen.length);
    const [first, small] = [usual.seen[0]!.residualNorm, tiny.seen[0]!.residualNorm];
    expect(small * 2 ** 700).toBeCloseTo(first, 10);
  });

  it('changes nothing, and is not part of the record in JSON', async () => {
    const { value, solver } = await solved(b);
    const plain = make({ tolerance: 1e-8 });
    expect([...value]).toEqual([...(await plain.solve(A, b)).value]);
    expect(JSON.stringify(solver)).toBe(JSON.stringify(plain));
    expect('trace' in plain).toBe(false);
  });

  it('ends the solve by throwing, and leaves no tensor', async () => {
    const like: NamedTensors = { x: tf.tensor1d([...b]) };
    const B: LinearOperator<NamedTensors> = {
      apply: ({ x }) => tf.tidy(() => ({ x: tf.mul(x!, tf.tensor1d(diagonal)) })),
      dispose() {},
    };
    const before = tf.memory().numTensors;
    const trace = () => {
      throw new Error('enough');
    };
    await expect(make({ trace }).solve(B, like)).rejects.toThrow('enough');
    expect(tf.memory().numTensors).toBe(before);
    like.x!.dispose();
  });

  it('has to be a function', () => {
    expect(() => make({ trace: 3 as never })).toThrow(InputError);
    expect(() => make({ trace: 3 as never })).toThrow(`the trace of ${name}`);
  });
});

it('shows the curvature that ends a solve on an indefinite system only as a missing iteration', async () => {
  const seen: TracedIteration[] = [];
  const saddle: LinearOperator<Float64Array> = {
    apply: ([x, y]) => Float64Array.of(2 * x!, -y!),
    dispose() {},
  };
  const solver = cg({ trace: (it) => seen.push(it) });
  const { status, iterations } = await solver.solve(saddle, Float64Array.of(1, 0.5));
  expect(status).toBe('negative-curvature');
  expect(seen).toHaveLength(iterations);
  for (const { curvature } of seen) expect(curvature).toBeGreaterThan(0);
});
