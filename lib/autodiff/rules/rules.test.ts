import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, test } from 'vitest';
import { useBackend } from '../../backends';
import { graph } from '../graph';
import { compile } from '../plan';
import { record } from '../tape';
import { dot, normal, numbers, relativeError } from '../testing';
import { byGradients } from './reverse';

type Inputs = tf.Tensor[];

/** Each operation with inputs of the given shapes; the rules have to agree with its gradient. */
const operations: [string, number[][], (...x: Inputs) => tf.Tensor | tf.Tensor[]][] = [
  [
    'add',
    [
      [3, 4],
      [3, 4],
    ],
    (a, b) => tf.add(a!, b!),
  ],
  ['add, broadcast', [[3, 4], [4]], (a, b) => tf.add(a!, b!)],
  ['add a constant that is larger', [[4]], (a) => tf.add(a!, normal([3, 4], 90))],
  [
    'subtract, broadcast',
    [
      [3, 1],
      [3, 4],
    ],
    (a, b) => tf.sub(a!, b!),
  ],
  ['subtract from a constant', [[4]], (a) => tf.sub(normal([3, 4], 91), a!)],
  [
    'multiply',
    [
      [3, 4],
      [3, 4],
    ],
    (a, b) => tf.mul(a!, b!),
  ],
  ['multiply, broadcast', [[3, 4], [1]], (a, b) => tf.mul(a!, b!)],
  ['multiply by a larger constant', [[4]], (a) => tf.mul(a!, normal([3, 4], 92))],
  ['multiply by itself', [[3, 4]], (a) => tf.mul(a!, a!)],
  ['divide, broadcast', [[3, 4], [4]], (a, b) => tf.div(a!, tf.add(tf.square(b!), 1))],
  ['maximum', [[3, 4], [4]], (a, b) => tf.maximum(a!, b!)],
  ['squared difference', [[3, 4], [4]], (a, b) => tf.squaredDifference(a!, b!)],
  ['power', [[3, 4], [4]], (a, b) => tf.pow(tf.add(tf.square(a!), 1), b!)],
  ['prelu', [[3, 4], [4]], (a, b) => tf.prelu(a!, b!)],
  ['relu', [[3, 4]], (a) => tf.relu(a!)],
  ['relu6', [[3, 4]], (a) => tf.relu6(a!)],
  ['leaky relu', [[3, 4]], (a) => tf.leakyRelu(a!, 0.3)],
  ['tanh', [[3, 4]], (a) => tf.tanh(a!)],
  ['sigmoid', [[3, 4]], (a) => tf.sigmoid(a!)],
  ['exp of a sum', [[3, 4]], (a) => tf.exp(tf.sum(a!, 0))],
  ['log, square root', [[3, 4]], (a) => tf.log(tf.sqrt(tf.add(tf.square(a!), 1)))],
  ['clip', [[3, 4]], (a) => tf.clipByValue(a!, -0.5, 0.5)],
  ['softplus, elu, selu', [[3, 4]], (a) => tf.selu(tf.elu(tf.softplus(a!)))],
  ['softmax', [[3, 4]], (a) => tf.softmax(a!)],
  ['log softmax', [[3, 4]], (a) => tf.logSoftmax(a!)],
  [
    'matMul',
    [
      [3, 4],
      [4, 2],
    ],
    (a, b) => tf.matMul(a!, b!),
  ],
  [
    'matMul, both transposed',
    [
      [4, 3],
      [2, 4],
    ],
    (a, b) => tf.matMul(a!, b!, true, true),
  ],
  [
    'matMul, left transposed',
    [
      [4, 3],
      [4, 2],
    ],
    (a, b) => tf.matMul(a!, b!, true, false),
  ],
  [
    'matMul, right transposed',
    [
      [3, 4],
      [2, 4],
    ],
    (a, b) => tf.matMul(a!, b!, false, true),
  ],
  ['matMul by a constant', [[3, 4]], (a) => tf.matMul(normal([5, 3], 93), a!)],
  [
    'matMul in batches',
    [
      [2, 3, 4],
      [2, 4, 2],
    ],
    (a, b) => tf.matMul(a!, b!),
  ],
  [
    'matMul, batches broadcast',
    [
      [2, 3, 4],
      [1, 4, 2],
    ],
    (a, b) => tf.matMul(a!, b!),
  ],
  [
    'fused matMul',
    [[3, 4], [4, 2], [2]],
    (a, b, bias) => tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias }),
  ],
  [
    'fused matMul without bias',
    [[4, 2]],
    (b) =>
      tf.fused.matMul({
        a: normal([4, 3], 94) as tf.Tensor2D,
        b: b as tf.Tensor2D,
        transposeA: true,
      }),
  ],
  ['reshape, transpose', [[3, 4]], (a) => tf.transpose(tf.reshape(a!, [2, 2, 3]), [2, 0, 1])],
  ['sum and mean', [[3, 4, 2]], (a) => tf.mean(tf.sum(a!, 1, true), [0, 2])],
  ['negate, reverse', [[3, 4]], (a) => tf.neg(tf.reverse(a!, 1))],
  [
    'slice, pad with ones',
    [[3, 4]],
    (a) =>
      tf.pad(
        tf.slice(a!, [1, 0], [2, 3]),
        [
          [1, 0],
          [0, 2],
        ],
        1,
      ),
  ],
  ['tile, expandDims', [[3, 4]], (a) => tf.tile(tf.expandDims(a!, 1), [1, 2, 1])],
  ['split', [[3, 4]], (a) => tf.split(a!, 2, 1)],
  ['one part of a split', [[3, 4]], (a) => tf.split(a!, [1, 3], 1)[1]!],
  ['unstack', [[3, 4]], (a) => tf.unstack(a!, 1)],
  [
    'concat',
    [
      [3, 4],
      [3, 2],
    ],
    (a, b) => tf.concat([a!, normal([3, 1], 95), b!], 1),
  ],
  [
    'stack',
    [
      [3, 4],
      [3, 4],
    ],
    (a, b) => tf.stack([a!, normal([3, 4], 96), b!], 1),
  ],
  [
    'addN',
    [
      [3, 4],
      [3, 4],
    ],
    (a, b) => tf.addN([a!, b!, normal([3, 4], 97)]),
  ],
  ['gather', [[3, 4]], (a) => tf.gather(a!, tf.tensor1d([2, 0, 2], 'int32'))],
  [
    'where',
    [
      [3, 4],
      [3, 4],
    ],
    (a, b) => tf.where(tf.greater(normal([3, 4], 98), 0), a!, b!),
  ],
  [
    'where, one side',
    [[3, 4]],
    (a) => tf.where(tf.greater(normal([3, 4], 98), 0), a!, tf.ones([3, 4])),
  ],
  ['a scalar product used twice', [[3, 4]], (a) => tf.mul(tf.sum(tf.square(a!)), a!)],
  [
    'a custom gradient',
    [[3, 4]],
    (a) =>
      tf.customGrad((x, save) => {
        (save as unknown as (t: tf.Tensor[]) => void)([x as tf.Tensor]);
        return { value: tf.square(x as tf.Tensor), gradFunc: (u, [x]) => tf.mul(tf.mul(u, 2), x!) };
      })(a!),
  ],
];

/** As above, for kernels that some backends lack until they are repaired. */
const convolutions: typeof operations = [
  [
    'conv2d',
    [
      [2, 6, 6, 2],
      [3, 3, 2, 3],
    ],
    (x, k) => tf.conv2d(x as tf.Tensor4D, k as tf.Tensor4D, 1, 'same'),
  ],
  [
    'conv2d, strided',
    [
      [2, 6, 6, 2],
      [3, 3, 2, 3],
    ],
    (x, k) => tf.conv2d(x as tf.Tensor4D, k as tf.Tensor4D, 2, 'valid'),
  ],
  [
    'fused conv2d',
    [[2, 6, 6, 2], [3, 3, 2, 3], [3]],
    (x, filter, bias) =>
      tf.fused.conv2d({
        x: x as tf.Tensor4D,
        filter: filter as tf.Tensor4D,
        bias,
        strides: 1,
        pad: 'same',
      }),
  ],
  [
    'depthwise conv2d',
    [
      [2, 6, 6, 2],
      [3, 3, 2, 2],
    ],
    (x, k) => tf.depthwiseConv2d(x as tf.Tensor4D, k as tf.Tensor4D, 1, 'same'),
  ],
  ['average pool', [[2, 6, 6, 2]], (x) => tf.avgPool(x as tf.Tensor4D, 2, 2, 'valid')],
  ['max pool', [[2, 6, 6, 2]], (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')],
  [
    'max pool, windows taller than wide',
    [[2, 6, 4, 2]],
    (x) => tf.maxPool(x as tf.Tensor4D, [3, 2], [3, 2], 'same'),
  ],
  [
    'max pool, windows apart',
    [[2, 6, 6, 2]],
    (x) => tf.maxPool(x as tf.Tensor4D, [2, 2], [2, 3], 'valid'),
  ],
  ['max pool, overlapping', [[2, 6, 6, 2]], (x) => tf.maxPool(x as tf.Tensor4D, 3, 2, 'same')],
];

describe.each(['cpu', 'wasm'] as const)('on %s', (backend) => {
  beforeAll(async () => {
    await useBackend(backend, { threads: 1 });
  });

  test.each([...operations, ...convolutions])(
    'the rules for %s agree with its gradient',
    (_, shapes, f) => {
      const x = shapes.map((shape, i) => normal(shape, 10 + i));
      const { result, tape } = record((tape) => {
        const y = [f(...x)].flat();
        return { path: graph(tape.nodes, x, y), shapes: y.map(({ shape }) => shape) };
      });
      const tangents = shapes.map((shape, i) => normal(shape, 20 + i));
      const cotangents = result.shapes.map((shape, i) => normal(shape, 30 + i));
      const byRule = compile(result.path, tape);
      const byGradient = byGradients(result.path, tape);

      const pushed = byRule.pushDense(tangents);
      const pulled = byRule.pullDense(cotangents);
      const check = (a: tf.Tensor[], b: tf.Tensor[]) =>
        expect(relativeError(a, b)).toBeLessThan(1e-5);
      check(pulled, byGradient.pullDense(cotangents));
      check(pushed, byGradient.pushDense(tangents));
      expect(pushed.map(({ shape }) => shape)).toEqual(result.shapes);
      expect(pulled.map(({ shape }) => shape)).toEqual(shapes);
      const [left, right] = [
        dot(numbers(pushed), numbers(cotangents)),
        dot(numbers(tangents), numbers(pulled)),
      ];
      expect(Math.abs(left - right)).toBeLessThan(1e-5 * (1 + Math.abs(left)));
      tape.dispose();
    },
  );
});
