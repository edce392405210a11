import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { markOutput } from '../autodiff';
import { useBackend } from '../backends';
import { InputError } from '../errors';
import { random } from '../numbers';
import { cg, dense } from '../solvers';
import { implicitAdam, implicitSGD } from '.';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => tf.disposeVariables());

const numbers = (x: tf.Tensor) => [...x.dataSync()];
/** ½ c Σw². */
const bowl = (w: tf.Tensor, c: number) => () =>
  tf.tidy(() => tf.mul(c / 2, tf.sum(tf.square(w))) as tf.Scalar);

/** Linear regression of 30 rows on 8 features, and its loss on the first rows. */
function regression() {
  const normals = (rows: number, columns: number, seed: number) =>
    tf.tensor2d(Float32Array.from(random(seed).normals(rows * columns)), [rows, columns]);
  const [x, y] = [normals(30, 8, 1), normals(30, 2, 2)];
  const W = tf.variable(normals(8, 2, 3), true, 'W');
  const b = tf.variable(tf.zeros([2]), true, 'b');
  const on = (count: number) => () =>
    tf.tidy(() => {
      const rows = (t: tf.Tensor2D) => tf.slice(t, [0, 0], [count, -1]);
      const z = markOutput(tf.add(tf.matMul(rows(x), W as tf.Tensor2D), b));
      return tf.mean(tf.square(tf.sub(z, rows(y)))) as tf.Scalar;
    });
  return { on, variables: [W, b], reached: () => [W, b].flatMap(numbers) };
}

describe('the curvature of a share of the examples', () => {
  it('stands for that of all, while the gradient and the measurement are of all', async () => {
    const w = tf.variable(tf.tensor1d([1]));
    const optimizer = implicitSGD('auto', { initial: 1 });
    const { ratio } = await optimizer.step(bowl(w, 3), [w], { curvature: bowl(w, 5) });
    // s = 3/(1 + 5); promised (δgs + δs²)/2 = (1.5 + 0.25)/2, gained 3/2 (1 − 0.25).
    expect(numbers(w)[0]).toBeCloseTo(0.5, 5);
    expect(ratio).toBeCloseTo(1.125 / 0.875, 4);
  });

  it('is that of the system of implicit Adam, too', async () => {
    const [delta, g] = [0.2, 3];
    const w = tf.variable(tf.tensor1d([1]));
    const optimizer = implicitAdam(delta, { solver: dense() });
    await optimizer.step(bowl(w, g), [w], { curvature: bowl(w, 5) });
    expect(numbers(w)[0]).toBeCloseTo(1 - (delta * g) / (g + delta * 5), 5);
  });

  it.each([
    ['the Hessian', { solver: cg({ tolerance: 1e-6 }) }],
    ['Gauss–Newton', { curvature: 'gauss-newton', solver: cg({ tolerance: 1e-6 }) }],
    ['Gauss–Newton, clipped', { curvature: 'gauss-newton', clipNorm: 0.1, solver: dense() }],
    ['a block', { parameters: ['W'], solver: dense() }],
  ] as const)('of all of them gives the step as it is without: %s', async (_, options) => {
    const path = async (curvature: boolean) => {
      const { on, variables, reached } = regression();
      const optimizer = implicitSGD(2, options);
      for (let t = 0; t < 2; t++) {
        await optimizer.step(on(30), variables, curvature ? { curvature: on(30) } : {});
      }
      const ends = reached();
      tf.disposeVariables();
      return ends;
    };
    const expected = await path(false);
    (await path(true)).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 4);
    });
  });

  it('comes down with a third of the rows, of several losses as of one, and leaves nothing behind', async () => {
    const { on, variables } = regression();
    const optimizer = implicitSGD('auto', { curvature: 'gauss-newton' });
    const losses: number[] = [];
    let held = 0;
    for (let t = 0; t < 12; t++) {
      const loss = t % 2 === 0 ? on(30) : [on(15), on(30)];
      losses.push((await optimizer.step(loss, variables, { curvature: on(10) })).loss);
      if (t === 7) held = tf.memory().numTensors;
    }
    expect(losses[10]).toBeLessThan(0.5 * losses[0]!);
    expect(tf.memory().numTensors).toBeLessThanOrEqual(held);
  });

  it('is refused where there is none, and weights stay', async () => {
    const { on, variables, reached } = regression();
    const before = reached();
    const curvature = on(10);
    const rankOne = implicitSGD(1, { curvature: 'fisher-rank-one' });
    await expect(rankOne.step(on(30), variables, { curvature })).rejects.toThrow(/rank/);
    const exact = implicitSGD(1, { exact: true });
    await expect(exact.step(on(30), variables, { curvature })).rejects.toThrow(/exact/);
    const plain = implicitSGD('auto');
    const none = { curvature: 3 as unknown as () => tf.Scalar };
    await expect(plain.step(on(30), variables, none)).rejects.toThrow(InputError);
    await plain.step(on(30), variables, { curvature });
    const moved = reached();
    expect(moved).not.toEqual(before);
    const held = tf.memory().numTensors;
    const less = bowl(variables[1]!, 1);
    await expect(plain.step(on(30), variables, { curvature: less })).rejects.toThrow(/W/);
    expect(reached()).toEqual(moved);
    expect(tf.memory().numTensors).toBe(held);
  });
});
