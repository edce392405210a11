import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { gaussNewton } from '../autodiff';
import { softmaxCrossEntropy } from '../backends';
import { ShapeError } from '../errors';
import { random } from '../numbers';
import { mlp, twoLayer } from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const options = { features: 3, hidden: 5, classes: 4 };
const network = twoLayer(options);
const draws = random(3);
const points = {
  x: draws.normals(3 * 12),
  labels: Uint8Array.from({ length: 12 }, () => draws.integer(4)),
};
const w = network.init(2).map((value) => value + 0.3 * draws.normal());
const v = draws.normals(network.size);

describe('the network of two layers', () => {
  it('has the gradient that central differences give', () => {
    const { gradient } = network.record(w, points);
    for (let i = 0; i < network.size; i++) {
      const at = (t: number) =>
        network.record(
          w.map((value, k) => (k === i ? value + t : value)),
          points,
        ).loss;
      expect(gradient[i]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 8);
    }
  });

  it('agrees with the tensors in loss, gradient and Gauss–Newton product', () => {
    const shapes = { W1: [3, 5], b1: [5], W2: [5, 4], b2: [4] };
    const tensorsOf = (from: Float64Array) =>
      Object.fromEntries(
        Object.entries(network.parts).map(([name, [a, b]]) => [
          name,
          tf.tensor(Float32Array.from(from.slice(a, b)), shapes[name as keyof typeof shapes]),
        ]),
      );
    const model = mlp({ sizes: [3, 5, 4], activation: 'tanh' });
    const x = tf.tensor2d(Float32Array.from(points.x), [12, 3]);
    const y = tf.cast(tf.oneHot(tf.tensor1d([...points.labels], 'int32'), 4), 'float32');
    const predict = (at: Record<string, tf.Tensor>) => model.predict(at, x);
    const loss = (z: tf.Tensor) => softmaxCrossEntropy(y, z);
    const G = gaussNewton({ predict, loss }, tensorsOf(w));
    const Gv = G.apply(tensorsOf(v));
    const mine = network.record(w, points);
    expect(mine.loss).toBeCloseTo(G.value.dataSync()[0]!, 5);
    const Gv64 = mine.product(v);
    for (const [name, [a, b]] of Object.entries(network.parts)) {
      const [theirGradient, theirProduct] = [G.gradient[name]!.dataSync(), Gv[name]!.dataSync()];
      for (let i = a; i < b; i++) {
        expect(mine.gradient[i]).toBeCloseTo(theirGradient[i - a]!, 5);
        expect(Gv64[i]).toBeCloseTo(theirProduct[i - a]!, 4);
      }
    }
  });

  it('starts within the bounds of its layers, the same for the same seed', () => {
    const start = network.init(5);
    expect(start).toEqual(network.init(5));
    expect(start).not.toEqual(network.init(6));
    expect(start.slice(...network.parts.b1)).toEqual(new Float64Array(5));
    const bound = Math.sqrt(6 / (3 + 5));
    for (const value of start.slice(...network.parts.W1)) {
      expect(Math.abs(value)).toBeLessThan(bound);
    }
  });

  it('refuses parameters and points of another size', () => {
    expect(() => network.record(new Float64Array(2), points)).toThrow(ShapeError);
    expect(() => network.record(w, { ...points, x: new Float64Array(4) })).toThrow(ShapeError);
    expect(() => network.record(w, points).product(w.slice(1))).toThrow(ShapeError);
  });

  it('refuses a label that is not a class, where the loss would be NaN', () => {
    const labels = points.labels.slice();
    labels[1] = 200;
    expect(() => network.record(w, { ...points, labels })).toThrow(/the label 200/);
  });

  it('bears logits that overflow in an exponential', () => {
    const { loss, gradient } = network.record(
      w.map((value) => 1e4 * value),
      points,
    );
    expect(Number.isFinite(loss)).toBe(true);
    expect([...gradient].every(Number.isFinite)).toBe(true);
  });
});
