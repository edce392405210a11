import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePrograms } from '../autodiff';
import { useBackend } from '../backends';
import { DisposedError, InputError, NotFiniteError, ShapeError } from '../errors';
import { random } from '../numbers';
import { type ImplicitAdam, implicitAdam, implicitSGD, warmUp } from '.';

beforeAll(async () => {
  await useBackend('wasm', { threads: 1 });
});
afterEach(() => tf.disposeVariables());

type State = Awaited<ReturnType<ImplicitAdam['getWeights']>>;

const numbers = (x: tf.Tensor) => [...x.dataSync()];
const bowl = (x: tf.Tensor, stiffness = 3) =>
  tf.tidy(() => tf.sum(tf.mul(stiffness, tf.square(tf.sub(x, 1)))) as tf.Scalar);
const stateOf = async (optimizer: tf.Optimizer) =>
  (await optimizer.getWeights()).map(({ name, tensor }) => [name, numbers(tensor)] as const);
const copied = (state: State) => state.map((entry) => ({ ...entry, tensor: entry.tensor.clone() }));
const makers = { 'implicit SGD': implicitSGD, 'implicit Adam': implicitAdam };

describe.each(Object.entries(makers))('%s', (_, make) => {
  it('is restored where it never stepped', async () => {
    const [a, b] = [make(0.1), make(0.1)];
    await b.setWeights(await a.getWeights());
    const x = tf.variable(tf.scalar(2));
    const y = tf.variable(tf.scalar(2));
    a.minimize(() => bowl(x), false, [x]);
    b.minimize(() => bowl(y), false, [y]);
    expect(numbers(y)).toEqual(numbers(x));
  });

  const warm = warmUp(3);
  it.each([
    ['a rate', 0.1, {}],
    ['a schedule', 0.1, { schedule: warm }],
    ['a function of the step', (t: number) => 0.1 * (t + 1), {}],
    ['auto', 'auto', { initial: 0.02 }],
  ] as const)(
    'with %s, dispose frees everything, and starts again as new',
    async (_, rate, options) => {
      const start = tf.tensor1d([3, -2]);
      const x = tf.variable(start);
      const path = async (optimizer: ReturnType<typeof make>) => {
        const found = [];
        x.assign(start);
        for (let t = 0; t < 5; t++) {
          await optimizer.step(() => bowl(x), [x]);
          found.push(numbers(x), optimizer.learningRate, optimizer.iterations);
        }
        return found;
      };
      const optimizer = make(rate, options);
      const expected = await path(optimizer);
      await optimizer.getWeights();
      const state = await stateOf(make(rate, options));
      optimizer.dispose();
      const before = tf.memory().numTensors;
      for (let round = 0; round < 2; round++) {
        expect(await path(optimizer)).toEqual(expected);
        await optimizer.getWeights();
        optimizer.dispose();
        // Harmless when repeated.
        optimizer.dispose();
        expect(tf.memory().numTensors).toBe(before);
        expect(optimizer.iterations).toBe(0);
        await expect(optimizer.lastStep()).rejects.toThrow(InputError);
      }
      expect(await stateOf(optimizer)).toEqual(state);
      optimizer.dispose();
      expect(numbers(x)).toEqual(expected.at(-3));
    },
  );

  it('given its own state changes nothing, at any time', async () => {
    const paths = [];
    for (const restore of [false, true]) {
      const x = tf.variable(tf.tensor1d([3, -2]));
      const optimizer = make(0.1);
      for (let t = 0; t < 6; t++) {
        if (restore) await optimizer.setWeights(await optimizer.getWeights());
        optimizer.minimize(() => bowl(x), false, [x]);
      }
      paths.push([numbers(x), (await stateOf(optimizer)).map(([, values]) => values)]);
    }
    expect(paths[1]).toEqual(paths[0]);
  });

  it('is saved without leaving a tensor behind, stepped or not', async () => {
    const x = tf.variable(tf.scalar(2));
    const optimizer = make(0.1);
    optimizer.minimize(() => bowl(x), false, [x]);
    const { numTensors } = tf.memory();
    for (let i = 0; i < 3; i++) await optimizer.getWeights();
    expect(tf.memory().numTensors).toBe(numTensors);
    await optimizer.setWeights(await optimizer.getWeights());
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('does not count a step that failed, and repeats it', async () => {
    const x = tf.variable(tf.tensor1d([3, -2]));
    const optimizer = make(0.1);
    optimizer.minimize(() => bowl(x), false, [x]);
    const [before, state, { numTensors }] = [numbers(x), await stateOf(optimizer), tf.memory()];
    const failing: (() => tf.Scalar)[] = [
      () => {
        throw new Error('once');
      },
      () => tf.tidy(() => tf.sum(tf.log(tf.mul(x, 0))) as tf.Scalar),
      () => tf.tidy(() => tf.mul(1e30, tf.sum(tf.mul(x, 1e10))) as tf.Scalar),
    ];
    for (const f of failing) {
      expect(() => optimizer.minimize(f, false, [x])).toThrow();
      expect(numbers(x)).toEqual(before);
      expect(await stateOf(optimizer)).toEqual(state);
      expect(tf.memory().numTensors).toBe(numTensors);
    }
    optimizer.minimize(() => bowl(x), false, [x]);
    const after = numbers(x);

    const y = tf.variable(tf.tensor1d([3, -2]));
    const undisturbed = make(0.1);
    for (let t = 0; t < 2; t++) undisturbed.minimize(() => bowl(y), false, [y]);
    expect(after).toEqual(numbers(y));
  });

  it.each<[string, (state: State) => State, new (...args: never[]) => Error]>([
    ['an empty list', () => [], InputError],
    [
      'a count below 0',
      (s) => [{ name: 'iter', tensor: tf.scalar(-1) }, ...s.slice(1)],
      InputError,
    ],
    [
      'a count of 1.5',
      (s) => [{ name: 'iter', tensor: tf.scalar(1.5) }, ...s.slice(1)],
      InputError,
    ],
    [
      'a count of NaN',
      (s) => [{ name: 'iter', tensor: tf.scalar(NaN) }, ...s.slice(1)],
      InputError,
    ],
    ['no count', (s) => [{ name: 'x/m', tensor: tf.ones([2]) }, ...s.slice(1)], InputError],
    ['numbers', (s) => s.map(() => 1) as never, InputError],
    [
      'a disposed tensor',
      () => {
        const tensor = tf.scalar(1, 'int32');
        tensor.dispose();
        return [{ name: 'iter', tensor }];
      },
      DisposedError,
    ],
  ])('refuses %s, and is as before', async (_, spoil, kind) => {
    const x = tf.variable(tf.tensor1d([3, -2]), true, 'x');
    const optimizer = make(0.1);
    optimizer.minimize(() => bowl(x));
    const state = await stateOf(optimizer);
    const spoilt = spoil(copied(await optimizer.getWeights()));
    const { numTensors } = tf.memory();
    await expect(optimizer.setWeights(spoilt)).rejects.toThrow(kind);
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(await stateOf(optimizer)).toEqual(state);
  });
});

describe('moments', () => {
  const m = (tensor: tf.Tensor) => ({ name: 'x/m', tensor });
  const v = (tensor: tf.Tensor) => ({ name: 'x/v', tensor });
  const iter = () => ({ name: 'iter', tensor: tf.scalar(3, 'int32') });

  it.each<[string, () => State, new (...args: never[]) => Error]>([
    ['a NaN', () => [iter(), m(tf.tensor1d([1, NaN])), v(tf.ones([2]))], NotFiniteError],
    ['a square below 0', () => [iter(), m(tf.ones([2])), v(tf.tensor1d([1, -1]))], NotFiniteError],
    ['two shapes', () => [iter(), m(tf.ones([2])), v(tf.ones([3]))], ShapeError],
    ['integers', () => [iter(), m(tf.ones([2], 'int32')), v(tf.ones([2]))], ShapeError],
    [
      'more counts than moments',
      () => [iter(), m(tf.ones([2])), v(tf.ones([2])), { name: 'steps', tensor: tf.ones([2]) }],
      InputError,
    ],
    ['m alone', () => [iter(), m(tf.ones([2]))], InputError],
  ])('with %s are refused', async (_, state, kind) => {
    await expect(implicitAdam(0.1).setWeights(state())).rejects.toThrow(kind);
  });

  it('are refused by an optimizer that has none', async () => {
    const state = [iter(), m(tf.ones([2])), v(tf.ones([2]))];
    const { numTensors } = tf.memory();
    await expect(implicitSGD(0.1).setWeights(state)).rejects.toThrow(InputError);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('of another model are refused at its step, and wait for their own', async () => {
    const [x, y] = [tf.variable(tf.ones([3])), tf.variable(tf.ones([2]))];
    const [a, b] = [implicitAdam(0.1), implicitAdam(0.1)];
    a.minimize(() => bowl(tf.mul(2, x)), false, [x]);
    await b.setWeights(await a.getWeights());
    expect(() => b.minimize(() => bowl(y), false, [y])).toThrow(ShapeError);
    expect(numbers(y)).toEqual([1, 1]);
    expect(b.iterations).toBe(1);
    const before = numbers(x);
    a.minimize(() => bowl(tf.mul(2, x)), false, [x]);
    const expected = numbers(x);
    x.assign(tf.tensor1d(before));
    b.minimize(() => bowl(tf.mul(2, x)), false, [x]);
    expect(numbers(x)).toEqual(expected);
  });
});

/** Three steps on variables of these names, each pulled to a place of its own. */
function train(optimizer: tf.Optimizer, variables: tf.Variable[], steps = 3) {
  const loss = () =>
    tf.tidy(() =>
      tf.addN(variables.map((x, i) => tf.mul(i + 1, tf.sum(tf.square(tf.sub(x, i)))))),
    ) as tf.Scalar;
  for (let t = 0; t < steps; t++) optimizer.minimize(loss, false, variables);
  return variables.map(numbers);
}

describe('a state belongs to variables, whatever they are called', () => {
  const starts = [5, -3, 2].map((value) => [value, value + 1]);
  const made = (names: (string | undefined)[]) =>
    names.map((name, i) => tf.variable(tf.tensor1d(starts[i]!), true, name));

  it.each([
    ['unnamed', [undefined, undefined, undefined], [undefined, undefined, undefined]],
    ['integer-like, in falling order', ['30', '20', '10'], ['30', '20', '10']],
    ['integer-like, then in another order', ['7', '8', '9'], ['9', '8', '7']],
    ['named', ['a', 'b', 'c'], ['a', 'b', 'c']],
    ['named otherwise', ['a', 'b', 'c'], ['c', 'd', 'a']],
  ])('%s', async (_, names, later) => {
    const first = made(names);
    const optimizer = implicitAdam(0.3);
    train(optimizer, first);
    const reached = first.map(numbers);
    const state = copied(await optimizer.getWeights());
    expect(state.length).toBe(7);
    const expected = train(optimizer, first);
    tf.dispose(first);

    const second = made(later);
    second.forEach((x, i) => {
      x.assign(tf.tensor1d(reached[i]!));
    });
    const restored = implicitAdam(0.3);
    await restored.setWeights(state);
    expect(train(restored, second)).toEqual(expected);
  });

  it('goes to the variables of its names, in whatever order they are listed', async () => {
    const [a, b] = [tf.variable(tf.scalar(4), true, 'a'), tf.variable(tf.scalar(-2), true, 'b')];
    const loss = () => tf.add(bowl(a, 1), bowl(b, 5)) as tf.Scalar;
    const optimizer = implicitAdam(0.3);
    optimizer.minimize(loss, false, [a, b]);
    const [reached, state] = [[a, b].map(numbers), copied(await optimizer.getWeights())];
    optimizer.minimize(loss, false, [a, b]);
    const expected = [a, b].map(numbers);
    [a, b].forEach((x, i) => {
      x.assign(tf.scalar(reached[i]![0]!));
    });
    const restored = implicitAdam(0.3);
    await restored.setWeights(state);
    restored.minimize(loss, false, [b, a]);
    [a, b].forEach((x, i) => {
      expect(numbers(x)[0]).toBeCloseTo(expected[i]![0]!, 6);
    });
  });
});

describe('one optimizer for two models', () => {
  it('moves the second as a new one would, and goes on with the first', () => {
    const variables = () => [tf.variable(tf.tensor1d([4, 1])), tf.variable(tf.tensor1d([0, 2]))];
    const [a, b] = [variables(), variables().slice(0, 1)];
    const shared = implicitAdam(0.3);
    train(shared, a, 4);
    const second = train(shared, b, 3);
    const first = train(shared, a, 2);

    const [c, d] = [variables(), variables().slice(0, 1)];
    expect(second).toEqual(train(implicitAdam(0.3), d, 3));
    expect(first).toEqual(train(implicitAdam(0.3), c, 6));
  });

  it('is saved and restored with the counts of both', async () => {
    const named = (suffix: string) => [
      tf.variable(tf.tensor1d([4, 1]), true, `one${suffix}`),
      tf.variable(tf.tensor1d([0, 2, 1]), true, `two${suffix}`),
    ];
    const run = async (restore: boolean) => {
      const [one, two] = named(`${restore}`) as [tf.Variable, tf.Variable];
      let optimizer = implicitAdam(0.3);
      train(optimizer, [one], 4);
      train(optimizer, [two], 1);
      if (restore) {
        const state = copied(await optimizer.getWeights());
        optimizer.dispose();
        optimizer = implicitAdam(0.3);
        await optimizer.setWeights(state);
        expect(optimizer.iterations).toBe(5);
      }
      return [train(optimizer, [two], 2), train(optimizer, [one], 2)];
    };
    expect(await run(true)).toEqual(await run(false));
  });

  it('forgets variables that are gone', async () => {
    const optimizer = implicitAdam(0.3);
    const x = tf.variable(tf.ones([2]));
    train(optimizer, [x]);
    x.dispose();
    expect((await optimizer.getWeights()).length).toBe(1);
  });
});

it('goes on as if nothing had happened, wherever it is saved: random runs', async () => {
  for (let seed = 0; seed < 8; seed++) {
    const draw = random(seed);
    const count = 1 + Math.floor(3 * draw.uniform());
    const shapes = Array.from(
      { length: count },
      () => [[], [1], [0], [2, 3]][Math.floor(4 * draw.uniform())]!,
    );
    if (shapes.every((shape) => shape[0] === 0)) shapes.push([2]);
    const start = shapes.map((shape) =>
      tf.tensor([...draw.normals(tf.util.sizeFromShape(shape))], shape, 'float32'),
    );
    const stop = Math.floor(5 * draw.uniform());
    const run = async (restore: boolean) => {
      // So that both runs come to programs at the same step: these round in another order.
      freePrograms();
      const variables = start.map((value) => tf.variable(value));
      let optimizer = implicitAdam(0.2);
      train(optimizer, variables, stop);
      if (restore) {
        const state = copied(await optimizer.getWeights());
        optimizer = implicitAdam(0.2);
        await optimizer.setWeights(state);
      }
      return train(optimizer, variables, 3);
    };
    expect(await run(true)).toEqual(await run(false));
  }
});
