import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../backends';
import { DisposedError, UnsupportedError } from '../errors';
import type { NamedTensors } from '../spaces';
import {
  type Curvature,
  gaussNewton,
  hessian,
  hvp,
  linearize,
  recordGradient,
  valueAndGradient,
} from '.';
import { direction, mlp, numbers, type TestModel } from './testing';

const memory = () => {
  const { numTensors, numBytes, numDataBuffers } = tf.memory();
  return { numTensors, numBytes, numDataBuffers };
};

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  let model: TestModel;
  let v: NamedTensors;
  const whole = (x: NamedTensors) => model.loss(model.predict(x));

  beforeAll(async () => {
    await useBackend(backend, { threads: 1 });
    model = mlp(tf.tanh, 1);
    v = direction(model.x, 2);
  });

  test('1,000 products of each kind leave nothing', () => {
    const H = hessian(whole, model.x);
    const G = gaussNewton(model, model.x);
    const J = linearize(model.predict, model.x);
    const multiply = () => {
      const u = J.jvp(v);
      tf.dispose([H.apply(v), G.apply(v), u, J.vjp(u)]);
    };
    multiply();
    const before = memory();
    for (let i = 0; i < 1000; i++) multiply();
    expect(memory()).toEqual(before);
    for (const owner of [H, G, J]) owner.dispose();
  });

  test('a recording owns its value, its gradient and its tape', () => {
    const before = memory();
    const recordings = [
      hessian(whole, model.x),
      gaussNewton(model, model.x),
      recordGradient(() => whole(model.x), model.x),
    ];
    for (const C of recordings) {
      tf.dispose(C.apply(v));
      expect(numbers(C.value)[0]).toBeGreaterThan(0);
      C.dispose();
      C.dispose();
    }
    const J = linearize(model.predict, model.x);
    tf.dispose([J.jvp(v), hvp(whole, model.x, v), { ...valueAndGradient(whole, model.x) }]);
    J.dispose();
    expect(memory()).toEqual(before);
  });

  test('a recording made inside a tidy outlives it, a product does not', () => {
    const before = memory();
    let H!: Curvature;
    tf.tidy(() => {
      H = hessian(whole, model.x);
      H.apply(v);
    });
    expect(numbers(H.gradient)).toHaveLength(39);
    const Hv = H.apply(v);
    expect(numbers(Hv)).toHaveLength(39);
    tf.dispose(Hv);
    H.dispose();
    expect(memory()).toEqual(before);
  });

  test('a result is never the tensor that was given, nor the same as another', () => {
    const J = linearize(({ x }) => ({ a: x!, b: x! }), { x: tf.ones([2]) });
    const direction = tf.tensor1d([3, 4]);
    const { a, b } = J.jvp({ x: direction });
    const back = J.vjp({ a: direction, b: tf.zeros([2]) }).x!;
    const once = linearize(({ x }) => x!, { x: tf.ones([2]) });
    const same = once.vjp(direction).x!;
    tf.dispose([a!, back, same]);
    expect(numbers(b!)).toEqual([3, 4]);
    expect(numbers(direction)).toEqual([3, 4]);
    J.dispose();
    once.dispose();
  });

  test('use after dispose is a DisposedError', () => {
    const H = hessian(whole, model.x);
    const J = linearize(model.predict, model.x);
    H.dispose();
    J.dispose();
    expect(() => H.apply(v)).toThrow(DisposedError);
    expect(() => H.gradient).toThrow(DisposedError);
    expect(() => H.value).toThrow(DisposedError);
    expect(() => J.jvp(v)).toThrow(DisposedError);
    expect(() => J.value).toThrow(DisposedError);
  });

  test('a function that throws while it is recorded leaves nothing', () => {
    const broken = (x: NamedTensors): tf.Scalar => {
      const loss = whole(x);
      if (loss.rank === 0) throw new Error('broken');
      return loss;
    };
    const before = memory();
    for (let i = 0; i < 20; i++) {
      expect(() => hessian(broken, model.x)).toThrow('broken');
      expect(() => linearize(broken, model.x)).toThrow('broken');
      expect(() => valueAndGradient(broken, model.x)).toThrow('broken');
      expect(() => gaussNewton({ ...model, loss: broken as never }, model.x)).toThrow();
      expect(() => recordGradient(() => broken(model.x), model.x)).toThrow('broken');
    }
    expect(memory()).toEqual(before);
  });

  test('a function that cannot be differentiated leaves nothing and names the operation', () => {
    const gradient = tf.getGradient('Cosh');
    const hyperbolic = ({ W1 }: NamedTensors) => tf.sum(tf.cosh(W1!)) as tf.Scalar;
    const x = { W1: model.x.W1! };
    const before = memory();
    tf.unregisterGradient('Cosh');
    try {
      expect(() => valueAndGradient(hyperbolic, x)).toThrow(/Cosh/);
      expect(() => hessian(hyperbolic, x)).toThrow(UnsupportedError);
      const J = linearize(hyperbolic, x);
      expect(() => J.jvp({ W1: v.W1! })).toThrow(/Cosh/);
      J.dispose();
    } finally {
      tf.registerGradient(gradient);
    }
    expect(memory()).toEqual(before);
  });

  test('recording reads nothing but the loss, and products read nothing', () => {
    const reads: number[] = [];
    const e = tf.engine();
    const { readSync } = e;
    e.readSync = function (id) {
      const values = readSync.call(this, id);
      reads.push(values.length);
      return values;
    };
    try {
      const H = hessian(whole, model.x);
      const G = gaussNewton(model, model.x);
      const recorded = recordGradient(() => whole(model.x), model.x);
      const J = linearize(model.predict, model.x);
      expect(reads).toEqual([1, 1]);
      const u = J.jvp(v);
      tf.dispose([H.apply(v), G.apply(v), recorded.apply(v), u, J.vjp(u)]);
      expect(reads).toEqual([1, 1]);
      for (const owner of [H, G, recorded, J]) owner.dispose();
    } finally {
      delete (e as Partial<typeof e>).readSync;
    }
  });

  test('what is assigned to a variable later does not change what was recorded', () => {
    const w = tf.variable(tf.tensor1d([1, 2, 3]));
    const C = recordGradient(() => tf.sum(tf.pow(w, 3)), { w });
    w.assign(tf.tensor1d([7, 7, 7]));
    expect(numbers(C.apply({ w: tf.ones([3]) }))).toEqual(
      [6, 12, 18].map((y) => expect.closeTo(y, 3)),
    );
    C.dispose();
    w.dispose();
  });
});
