import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Recipe } from '../../lib/fuzz/every-function';
import { ignoredOptions } from '../../lib/fuzz/misspelling';
import * as course from '..';

beforeAll(async () => {
  await tf.setBackend('cpu');
  for (const kind of ['log', 'warn'] as const) vi.spyOn(console, kind).mockImplementation(() => {});
});

const digits = () => ({ images: new Float32Array(2 * 784), labels: Uint8Array.of(5, 6), count: 2 });
const spread = { low: 1, middle: 2, high: 3 };
const axes = { xaxis: { title: 'step' }, yaxis: { title: 'loss' } };
const examples = () => ({ x: tf.ones([2, 2]), y: tf.tensor2d([1, 0, 0, 1], [2, 2]) });
const linear = {
  init: () => ({ w: tf.zeros([2, 2]) }),
  predict: ({ w }: Record<string, tf.Tensor>, x: tf.Tensor) =>
    tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D),
};
const plan = () => ({
  ...{ model: linear, seed: 1, make: () => tf.train.sgd(0.1), looks: 1, enough: () => false },
  epoch: function* () {
    yield examples();
  },
  budget: { steps: 1, work: 10, seconds: 100 },
  judges: {},
});

/** Right arguments of each function that takes a record of options. */
const makers: Record<string, Recipe> = {
  band: () => [
    { name: 'a', colour: '#0072B2', x: [1], spreads: [spread], within: [0, 5], dash: 'dot' },
  ],
  batches: () => [digits(), { size: 1, seed: 1 }],
  button: () => [{ label: 'again' }],
  claim: () => ['One is less than two.', () => ({ holds: true, one: 1 }), { timed: false }],
  digitsOf: () => [digits(), [5], { most: 1 }],
  dropdown: () => [{ options: ['a', 'b'], value: 'a', label: 'letter' }],
  exampleBatches: () => [examples(), { size: 1, seed: 1 }],
  figureBundle: () => [
    [{ x: [1, 2], y: [1, 2] }],
    axes,
    { words: 'A line.', labels: 'legend', gaps: 'diverged' },
  ],
  ionosphere: () => [{}],
  lbfgs: () => [
    (x: Float64Array) => ({ value: x[0]! ** 2, gradient: Float64Array.of(2 * x[0]!) }),
    Float64Array.of(1),
    { memory: 2, watch: () => true, maxIterations: 2 },
  ],
  pooled: () => [digits(), { side: 4, constant: true }],
  slider: () => [{ min: 1, max: 2, step: 0.5, value: 1, label: 'rate', scale: 'linear' }],
  table: () => [
    [{ a: 1 }],
    { caption: 'A table.', columns: { a: { title: 'A', unit: 's', digits: 2 } } },
  ],
  tableBundle: () => [[{ a: 1 }], { caption: 'A table.', columns: { a: { unit: 's' } } }],
  trainingCourse: () => [plan()],
  transferFeatures: () => [{ train: 1, test: 1, digits: { train: digits(), test: digits() } }],
};

/** Functions that take none, and those that show, ask or read more than a test can. */
const without = [
  ...['bestRate', 'check', 'endLoss', 'figure', 'hint', 'inNotebook', 'interact', 'isFullRun'],
  ...['mnist', 'oneHot', 'predict', 'processorSeconds', 'progress', 'progressMap', 'publish'],
  ...['rateGrid', 'runSeed', 'sizeHere', 'spreadOf', 'subset', 'toTensors', 'todo', 'track'],
  ...['variablesOf', 'withStockTensorFlow'],
];

/** Records of what users name or make: data, traces, models, and the fields of a table. */
const open = [
  ...['batches 0', 'digitsOf 0', 'exampleBatches 0', 'pooled 0', 'table 0 0', 'tableBundle 0 0'],
  ...['band 0 spreads 0', 'figureBundle 0 0', 'trainingCourse 0 model', 'trainingCourse 0 judges'],
  ...['table 1 columns', 'tableBundle 1 columns', 'figureBundle 1', 'figureBundle 1 xaxis'],
  ...['figureBundle 1 yaxis', 'transferFeatures 0 digits', 'transferFeatures 0 digits train'],
  'transferFeatures 0 digits test',
];

const functions = Object.entries(course).filter(
  ([name, f]) => typeof f === 'function' && !name.endsWith('Error'),
) as [string, (...args: unknown[]) => unknown][];

it('every exported function is known to take options, or none', () => {
  const names = functions.map(([name]) => name);
  expect(names.filter((name) => !(name in makers) && !without.includes(name))).toEqual([]);
});

describe('an option of another name is refused', () => {
  it.each(functions.filter(([name]) => name in makers))('%s', async (name, f) => {
    // A generator runs when it is asked.
    const call = async (args: unknown[]) => {
      const result = (await f(...args)) as { next?: () => unknown } | undefined;
      return typeof result?.next === 'function' ? result.next() : result;
    };
    const isOpen = (path: readonly (string | number)[]) => open.includes([name, ...path].join(' '));
    expect(await ignoredOptions(call, makers[name]!, isOpen)).toEqual([]);
  });
});

describe('an argument after the last one is refused', () => {
  /** What takes nothing, and what kernels call. */
  const takesNothing = ['inNotebook', 'isFullRun', 'processorSeconds', 'publish', 'todo'];

  it.each(functions.filter(([name]) => !takesNothing.includes(name)))('%s', async (name, f) => {
    const given: unknown[] = makers[name]?.(tf.tensor1d([1, 2]), tf.tensor1d([0, 1])) ?? [];
    while (given.length < 4) given.push(undefined);
    const call = async () => {
      const result = (await f(...given, { seed: 1 })) as { next?: () => unknown } | undefined;
      return typeof result?.next === 'function' ? result.next() : result;
    };
    await expect(call()).rejects.toThrow(`after the last argument of ${name}`);
  });
});

describe('a training course that would never end is refused', () => {
  it.each<[string, object]>([
    ['an empty budget', { budget: {} }],
    ['a budget of no steps', { budget: { steps: 0 } }],
    ['a budget of NaN', { budget: { work: Number.NaN } }],
    ['an epoch without batches', { epoch: () => [] }],
    [
      'a generator that is used twice',
      {
        epoch: (
          (once) => () =>
            once
        )(plan().epoch()),
        budget: { steps: 2 },
      },
    ],
  ])('%s', async (_, more) => {
    const before = tf.memory().numTensors;
    await expect(course.trainingCourse({ ...plan(), ...more } as never)).rejects.toThrow(
      /budget of trainingCourse|without a batch/,
    );
    expect(tf.memory().numTensors).toBe(before);
  });
});
