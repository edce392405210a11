import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, it } from 'vitest';
import * as lab from '..';

beforeAll(async () => {
  await lab.useBackend('cpu');
});

const momentum = { step: 0.1, momentum: 0.5 };

it.each<[string, () => { before: object; after: object }]>([
  ['cg', () => again(lab.cg({ tolerance: 0.1 }), lab.cg)],
  ['gmres', () => again(lab.gmres({ restart: 3 }), lab.gmres)],
  ['minres', () => again(lab.minres({ damping: 1 }), lab.minres)],
  ['cgNormal', () => again(lab.cgNormal({ maxIterations: 3 }), lab.cgNormal)],
  ['neumann', () => again(lab.neumann({ terms: 3 }), lab.neumann)],
  ['fixedPoint', () => again(lab.fixedPoint({ maxIterations: 3 }), lab.fixedPoint)],
  ['dense', () => again(lab.dense({ limit: 3 }), lab.dense)],
  ['woodbury', () => again(lab.woodbury({ damping: 3 }), lab.woodbury)],
  ['heavyBall, tuned', () => again(lab.heavyBall(), lab.heavyBall as never)],
  ['heavyBall', () => again(lab.heavyBall(momentum), lab.heavyBall as never)],
  ['nesterov', () => again(lab.nesterov(momentum), lab.nesterov as never)],
  ['sobolev', () => again(lab.sobolev({ eta: 2 }), lab.sobolev)],
  ['globalL2', () => again(lab.globalL2({ initial: -2 }), lab.globalL2)],
  ['perWeightL2', () => again(lab.perWeightL2({ initial: -2 }), lab.perWeightL2)],
  ['perFeatureL2', () => again(lab.perFeatureL2({ names: ['W'] }), lab.perFeatureL2)],
  ['perTensorL2', () => again(lab.perTensorL2({ initial: 3 }), lab.perTensorL2)],
  ['implicit', () => again(lab.implicit({ onFailure: 'throw' }), lab.implicit)],
  [
    'unrolled',
    () => again(lab.unrolled({ method: lab.adam(0.1), steps: 2 }), lab.unrolled as never),
  ],
  ['box', () => again(lab.box({ lower: -1 }), lab.box)],
  ['simplex', () => again(lab.simplex({ total: 2 }), lab.simplex)],
  ['ball', () => again(lab.ball({ radius: 2 }), lab.ball)],
  ['stepControl', () => again(lab.stepControl({ first: 2 }), lab.stepControl)],
  ['kronecker', () => again(lab.kronecker({ every: 2 }), lab.kronecker)],
])('a copy of %s serves as its options', (_, make) => {
  const { before, after } = make();
  expect(JSON.stringify(after)).toBe(JSON.stringify(before));
});

function again<T extends object>(value: T, make: (options: T) => object) {
  return { before: value, after: make({ ...value }) };
}

it('a copy says what it lacks wherever its functions are needed', async () => {
  const copy = <T extends object>(value: T): T => ({ ...value });
  const w = { w: tf.tensor1d([1, 2]) };
  const λ = { l: tf.scalar(0.1) };
  const square = () => tf.scalar(0);
  const problem = { inner: square, outer: square };
  const run = (inner: lab.Method, outer: lab.Method, how = lab.implicit()) =>
    lab.bilevel(problem, {
      ...{ w, λ, how, steps: 1 },
      inner: { optimizer: inner, steps: 1 },
      outer: { optimizer: outer },
    });
  const losses = () => tf.zeros([1]) as tf.Tensor1D;
  const constrained = lab.projectedStationarity as (...args: unknown[]) => unknown;
  const ways: Record<string, () => unknown> = {
    globalL2: () => lab.bilevelProblem(losses, copy(lab.globalL2())),
    cg: () => lab.implicitSGD(1, { solver: copy(lab.cg()) }),
    neumann: () => lab.implicit({ solver: copy(lab.neumann()) }),
    gradientDescent: () => lab.unrolled({ method: copy(lab.gradientDescent(1)), steps: 2 }),
    adam: () => run(copy(lab.adam(1)), lab.adam(1)),
    heavyBall: () => run(lab.adam(1), copy(lab.heavyBall())),
    implicit: () => run(lab.adam(1), lab.adam(1), copy(lab.implicit())),
    unrolled: () =>
      lab.hypergradient(problem, w, λ, copy(lab.unrolled({ method: lab.adam(1), steps: 2 }))),
    box: () => constrained(square, copy(lab.box({ lower: 0 })), 0.1),
  };
  for (const [name, way] of Object.entries(ways)) {
    await expect((async () => way())(), name).rejects.toThrow(
      `A copy by { ...${name}() } lacks its functions`,
    );
  }
  tf.dispose([w, λ]);
});
