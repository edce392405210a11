import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../backends';
import { InputError } from '../errors';
import { tensors } from '../spaces';
import { cg, gmres, minres } from '.';
import { conjugateGradients } from './cg';
import { iterateMasked } from './masked';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});

const spectrum = Float64Array.of(1, 3, 10, 30);
const b = Float64Array.of(1, -2, 3, 4);
function counted() {
  const A = {
    products: 0,
    apply(v: Float64Array) {
      A.products += 1;
      return v.map((value, i) => spectrum[i]! * value);
    },
    dispose() {},
  };
  return A;
}
const residual = (x: Float64Array) =>
  Math.hypot(...b.map((value, i) => value - spectrum[i]! * x[i]!));

describe('a residual that is not verified', () => {
  it.each([
    ['cg', cg({ tolerance: 0, maxIterations: 2 })],
    ['cg for the energy', cg({ tolerance: 0, maxIterations: 2, best: 'energy' })],
    ['minres', minres({ tolerance: 0, maxIterations: 2 })],
    ['gmres', gmres({ tolerance: 0, maxIterations: 2 })],
  ])('saves %s a product, and the value is the same', async (_, solver) => {
    const [plain, spared] = [counted(), counted()];
    const truth = await solver.solve(plain, b);
    const claimed = await solver.solve(spared, b, { verify: false });
    expect([...claimed.value]).toEqual([...truth.value]);
    expect([spared.products, plain.products]).toEqual([2, 3]);
    expect(claimed.residualNorm).toBeCloseTo(residual(truth.value), 10);
    expect([claimed.status, claimed.iterations]).toEqual(['max-iterations', 2]);
    const sync = solver.solveSync(counted(), b, { verify: false });
    expect([...sync.value]).toEqual([...truth.value]);
  });

  it('is so where a loose tolerance is met, and verified where it is a tight one', async () => {
    const loose = counted();
    const { status, iterations } = await cg({ tolerance: 0.1 }).solve(loose, b, { verify: false });
    expect([status, loose.products]).toEqual(['converged', iterations]);
    const tight = counted();
    const solved = await cg({ tolerance: 1e-9 }).solve(tight, b, { verify: false });
    expect([solved.status, tight.products]).toEqual(['converged', solved.iterations + 1]);
  });

  it('is the same without a number read', async () => {
    const A = {
      apply: ({ x }: { x?: tf.Tensor }) => ({ x: tf.mul(x!, [1, 3, 10, 30]) }),
      dispose() {},
    };
    const right = { x: tf.tensor1d([1, -2, 3, 4]) };
    const run = (verify: boolean) =>
      iterateMasked(
        { space: tensors, A, b: right },
        { ...conjugateGradients(), minimisesEnergy: true },
        { tolerance: 0, maxIterations: 2, verify },
        undefined,
      );
    const before = tf.memory().numTensors;
    const [truth, claimed] = [run(true), run(false)];
    expect([...claimed.value.x!.dataSync()]).toEqual([...truth.value.x!.dataSync()]);
    const [one, other] = [await truth.report(), await claimed.report()];
    expect(other.residualNorm).toBeCloseTo(one.residualNorm, 4);
    expect({ ...other, residualNorm: 0 }).toEqual({ ...one, residualNorm: 0 });
    tf.dispose([truth.value, claimed.value]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is asked for by its name', async () => {
    const options = { verified: false } as object;
    await expect(cg().solve(counted(), b, options)).rejects.toThrow(InputError);
  });
});
