import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../backends';
import { mapTensors, type NamedTensors } from '../spaces';
import { gaussNewton, hessian, linearize, markOutput, recordGradient, valueAndGradient } from '.';
import {
  cnn,
  differenceError,
  direction,
  dot,
  linearModel,
  mlp,
  numbers,
  relativeError,
  rnn,
  type TestModel,
} from './testing';

const models: [string, (seed: number) => TestModel][] = [
  ['relu MLP', (seed) => mlp(tf.relu, seed)],
  ['tanh MLP', (seed) => mlp(tf.tanh, seed)],
  ['sigmoid MLP', (seed) => mlp(tf.sigmoid, seed)],
  ['softplus MLP', (seed) => mlp(tf.softplus, seed)],
  ['CNN with average pool', (seed) => cnn('avg', seed)],
  ['CNN with maximum pool', (seed) => cnn('max', seed)],
  ['RNN over 28 steps', (seed) => rnn(28, seed)],
];

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend, { threads: 1 });
  });

  describe.each(models)('%s', (_, build) => {
    const seeds = [1, 20];

    test.each(seeds)('the gradient is the slope of the loss, seed %i', (seed) => {
      const { x, predict, loss } = build(seed);
      const whole = (x: NamedTensors) => loss(predict(x));
      const { gradient } = valueAndGradient(whole, x);
      // Along the gradient itself the slope is far from zero, so that its relative error means much.
      const square = dot(numbers(gradient), numbers(gradient));
      const unit = mapTensors(gradient, (g) => tf.div(g, Math.sqrt(square)));
      expect(differenceError(tf.scalar(Math.sqrt(square)), whole, x, unit)).toBeLessThan(1e-3);
    });

    test.each(seeds)('the Hessian is the slope of the gradient, seed %i', (seed) => {
      const { x, predict, loss } = build(seed);
      const v = direction(x, seed + 100);
      const whole = (x: NamedTensors) => loss(predict(x));
      const gradient = (x: NamedTensors) => valueAndGradient(whole, x).gradient;
      const H = hessian(whole, x);
      expect(relativeError(H.gradient, gradient(x))).toBeLessThan(1e-5);
      expect(differenceError(H.apply(v), gradient, x, v)).toBeLessThan(3e-3);
      H.dispose();
    });

    test.each(seeds)('vᵀHw = wᵀHv, seed %i', (seed) => {
      const { x, predict, loss } = build(seed);
      const [v, w] = [direction(x, seed + 100), direction(x, seed + 200)];
      const H = hessian((x) => loss(predict(x)), x);
      const [vHw, wHv] = [
        dot(numbers(v), numbers(H.apply(w))),
        dot(numbers(w), numbers(H.apply(v))),
      ];
      expect(vHw).toBeCloseTo(wHv, 3);
      H.dispose();
    });

    test.each(seeds)('J v is the slope of the output, and Jᵀ its adjoint, seed %i', (seed) => {
      const { x, predict } = build(seed);
      const v = direction(x, seed + 100);
      const J = linearize(predict, x);
      const Jv = J.jvp(v);
      expect(relativeError(J.value, predict(x))).toBeLessThan(1e-6);
      expect(differenceError(Jv, predict, x, v)).toBeLessThan(1e-3);
      const u = direction({ u: J.value }, seed + 300).u!;
      const [left, right] = [dot(numbers(u), numbers(Jv)), dot(numbers(J.vjp(u)), numbers(v))];
      expect(Math.abs(left - right)).toBeLessThan(1e-5 * Math.abs(left) + 1e-4);
      J.dispose();
    });

    test.each(seeds)(
      'Gauss–Newton is Jᵀ H J, positive, with the same gradient, seed %i',
      (seed) => {
        const { x, predict, loss } = build(seed);
        const v = direction(x, seed + 100);
        const G = gaussNewton({ predict, loss }, x);
        const J = linearize(predict, x);
        const H = hessian(({ z }) => loss(z!), { z: J.value });
        const expected = J.vjp(H.apply({ z: J.jvp(v) }).z!);
        const Gv = G.apply(v);
        expect(relativeError(Gv, expected)).toBeLessThan(1e-5);
        expect(dot(numbers(v), numbers(Gv))).toBeGreaterThan(0);
        const { value, gradient } = valueAndGradient((x) => loss(predict(x)), x);
        expect(numbers(G.value)[0]).toBeCloseTo(numbers(value)[0]!, 5);
        expect(relativeError(G.gradient, gradient)).toBeLessThan(1e-5);
        for (const owner of [G, J, H]) owner.dispose();
      },
    );
  });

  test.each(['hessian', 'gauss-newton'] as const)('a block of the %s is a block', (curvature) => {
    const { x, predict, loss } = mlp(tf.tanh, 9);
    const v = direction(x, 60);
    const f = () => loss(markOutput(predict(x)));
    const whole = recordGradient(f, x, { curvature });
    const block = recordGradient(f, x, { curvature, block: ['W2', 'b1'] });
    const { b1, W2 } = whole.apply({
      ...mapTensors(x, (t) => tf.zerosLike(t)),
      b1: v.b1!,
      W2: v.W2!,
    });
    const product = block.apply({ W2: v.W2!, b1: v.b1! });
    expect(Object.keys(product).sort()).toEqual(['W2', 'b1']);
    expect(relativeError(product.b1!, b1!)).toBeLessThan(1e-5);
    expect(relativeError(product.W2!, W2!)).toBeLessThan(1e-5);
    expect(relativeError(block.gradient, whole.gradient)).toBeLessThan(1e-6);
  });

  test('the derivative among some tensors is that part of the whole', () => {
    const { x, predict } = mlp(tf.tanh, 9);
    const v = direction(x, 60);
    const J = linearize(predict, x);
    const some = J.among(['W2', 'b1']);
    const rest = { W1: tf.zerosLike(x.W1!), b2: tf.zerosLike(x.b2!) };
    const part = { b1: v.b1!, W2: v.W2! };
    expect(relativeError(some.jvp(part), J.jvp({ ...part, ...rest }))).toBeLessThan(1e-6);
    const { b1, W2 } = J.vjp(J.value);
    expect(relativeError(some.vjp(J.value), { b1: b1!, W2: W2! })).toBeLessThan(1e-6);
    expect(() => J.among(['W3'])).toThrow(/'W3'/);
    J.dispose();
    expect(() => some.jvp(part)).toThrow(/disposed/);
  });

  test('Gauss–Newton of a linear model is its Hessian', () => {
    const { x, predict, loss } = linearModel(7);
    const v = direction(x, 50);
    const [G, H] = [gaussNewton({ predict, loss }, x), hessian((x) => loss(predict(x)), x)];
    expect(relativeError(G.apply(v), H.apply(v))).toBeLessThan(1e-5);
  });
});
