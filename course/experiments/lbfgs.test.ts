import * as tf from '@tensorflow/tfjs';
import { type NamedTensors, valueAndGradient } from 'implicit-lab';
import { beforeAll, describe, expect, it } from 'vitest';
import { lbfgs } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** Rosenbrock's function in a and b, least at (1, 1). */
const rosenbrock = ({ a, b }: NamedTensors) =>
  tf.add(tf.square(tf.sub(1, a!)), tf.mul(100, tf.square(tf.sub(b!, tf.square(a!))))) as tf.Scalar;

function objective(x: NamedTensors) {
  const { value, gradient } = valueAndGradient(rosenbrock, x);
  const number = value.dataSync()[0]!;
  value.dispose();
  return { value: number, gradient };
}

describe('L-BFGS', () => {
  it("finds the least of Rosenbrock's function, falls at each step, and leaves nothing behind", async () => {
    const start = { a: tf.scalar(-1.2), b: tf.scalar(1) };
    const before = tf.memory().numTensors;
    const values: number[] = [];
    const watch = (_: NamedTensors, value: number) => values.push(value) > 0;
    const end = await lbfgs(objective, start, { watch });
    expect(end.a!.dataSync()[0]).toBeCloseTo(1, 2);
    expect(end.b!.dataSync()[0]).toBeCloseTo(1, 2);
    for (let i = 1; i < values.length; i++) expect(values[i]).toBeLessThan(values[i - 1]!);
    expect(values.length).toBeLessThan(80);
    expect(tf.memory().numTensors).toBe(before + 2);
  });

  it('works in double precision too', async () => {
    const inFloat64 = ([a, b]: Float64Array) => ({
      value: (1 - a!) ** 2 + 100 * (b! - a! * a!) ** 2,
      gradient: Float64Array.of(-2 * (1 - a!) - 400 * a! * (b! - a! * a!), 200 * (b! - a! * a!)),
    });
    const start = Float64Array.of(-1.2, 1);
    const end = await lbfgs(inFloat64, start);
    expect(end[0]).toBeCloseTo(1, 8);
    expect(end[1]).toBeCloseTo(1, 8);
    expect(start).toEqual(Float64Array.of(-1.2, 1));
  });

  it('ends where it is told to', async () => {
    let count = 0;
    const watch = () => {
      count += 1;
      return count < 3;
    };
    const end = await lbfgs(objective, { a: tf.scalar(0), b: tf.scalar(0) }, { watch });
    expect(count).toBe(3);
    tf.dispose(end);
  });

  it('leaves nothing behind where the objective or the watch throws', async () => {
    const start = { a: tf.scalar(-1.2), b: tf.scalar(1) };
    const before = tf.memory().numTensors;
    for (const last of [1, 2, 5]) {
      let calls = 0;
      const failing = (x: NamedTensors) => {
        if (++calls === last) throw new Error('lost');
        return objective(x);
      };
      await expect(lbfgs(failing, start)).rejects.toThrow('lost');
    }
    const watch = () => Promise.reject(new Error('seen'));
    await expect(lbfgs(objective, start, { watch })).rejects.toThrow('seen');
    expect(tf.memory().numTensors).toBe(before);
  });
});
