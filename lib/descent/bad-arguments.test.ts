import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hessian } from '../autodiff';
import { ImplicitLabError } from '../errors';
import { evaluate } from '../models';
import { random } from '../numbers';
import { cg } from '../solvers';
import * as descent from '.';

beforeAll(async () => {
  await tf.setBackend('cpu');
});
afterAll(() => tf.disposeVariables());

type Unchecked = (...args: unknown[]) => unknown;
type Methods = Record<string, Unchecked> & { dispose(): void };

/** The functions of this folder as a script calls them that has no types. */
const { implicitSGD, implicitAdam, ...rest } = descent as unknown as Record<string, Unchecked>;
const make = (f: Unchecked, ...args: unknown[]) => f(...args) as Methods;

const junk = [
  ...[undefined, null, 0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1.5, 'x', '', true],
  ...[[], [1], [Number.NaN], {}, { name: 'x' }, { rate: 1 }, Symbol('a'), 3n],
  ...[() => 1, () => undefined, async () => 1, new Float64Array(2), new Float32Array(2)],
  ...[cg(), new Map(), new Date(0)],
];
const settings = [
  ...['curvature', 'solver', 'parameters', 'others', 'schedule', 'clipNorm', 'clipValue'],
  ...['exact', 'beta1', 'beta2', 'epsilon', 'learningRate'],
];

it('arguments of any other kind are refused with an error that says so, and leave nothing behind', async () => {
  const draw = random(11);
  const one = <T>(list: readonly T[]): T => list[draw.integer(list.length)]!;
  const x = tf.variable(tf.tensor1d([1, 2]));
  const loss = () => tf.tidy(() => tf.sum(tf.square(x)) as tf.Scalar);
  const some = [...junk, tf.scalar(1), tf.tensor1d([1, 2])];
  const any = () => one(some);
  const or = (good: unknown) => (draw.uniform() < 0.5 ? good : any());
  const made: Methods[] = [];
  const optimizer = (...args: unknown[]) => {
    const it = make(one([implicitSGD!, implicitAdam!]), ...args);
    made.push(it);
    return it;
  };
  const sphere = (y: Record<string, tf.Tensor>) => tf.sum(tf.square(y.x!)) as tf.Scalar;
  const problem = {
    loss: sphere,
    curvatureAt: (y: Record<string, tf.Tensor>) => hessian(sphere, y),
  };
  const iter = { name: 'iter', tensor: tf.scalar(1, 'int32') };

  const calls: (() => unknown)[] = [
    () => optimizer(any(), any()),
    () => optimizer(0.1, { [one(settings)]: any() }).minimize!(loss, false, [x]),
    () => Reflect.set(optimizer(0.1), one(settings), any()),
    () => optimizer(0.1).minimize!(or(loss), false, or([x])),
    () => optimizer(0.1).minimize!(loss, false, [any()]),
    () => optimizer(0.1).step!(one([any(), [any()], [loss, any()]]), or([x]), or({})),
    () => optimizer(0.1).step!([loss, loss], [x], { weights: one([any(), [any(), any()]]) }),
    () => optimizer(0.1).setWeights!(one([any(), [any()], [iter, { name: any(), tensor: any() }]])),
    () => rest.implicitGLM!(or({ family: any(), rate: any() })),
    () => make(rest.implicitGLM!, { rate: () => 1 }).step!(any(), { x: any(), y: any() }, any()),
    () =>
      make(rest.explicitGLM!, { rate: () => any() }).fit!(
        one([any(), [any()], [{ x: Float64Array.of(1, 2), y: any() }]]),
        or(new Float64Array(2)),
      ),
    () => rest.decreasingRate!(or({ first: any(), curvature: any(), scale: any() })),
    () => make(rest.correlatedRegression!, or(3)).samples!(any(), any()),
    () => rest.drops!(any(), any()),
    () => rest.inverseTime!(any()),
    () => rest.cosine!(any(), any()),
    () => rest.warmUp!(any(), any()),
    () => rest.withOutput!(any()),
    () => rest.proximalStep!(or(problem), any(), or(1), or({ solver: cg(), tolerance: any() })),
    () => (evaluate as Unchecked)(any(), any(), any()),
  ];
  let refused = 0;
  for (const call of calls) {
    for (let i = 0; i < 60; i++) {
      const { numTensors } = tf.memory();
      try {
        await call();
      } catch (error) {
        expect(error, `${error}`).toBeInstanceOf(ImplicitLabError);
        refused += 1;
        for (const it of made) it.dispose();
        expect(tf.memory().numTensors, `after ${error}`).toBe(numTensors);
      }
      for (const it of made) it.dispose();
      made.length = 0;
    }
  }
  expect(refused).toBeGreaterThan(700);
});
