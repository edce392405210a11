import * as tf from '@tensorflow/tfjs';
import type { Maker } from './draws';

/** Sums, products and scans. */
export const sums: Record<string, Maker> = {
  addN: (d) => {
    const [shape, dtype] = [d.shape(), d.type()];
    const inputs = Array.from({ length: 1 + d.below(4) }, () => d.tensor(shape, dtype));
    return { inputs, f: (...xs) => tf.addN(xs) };
  },
  ...Object.fromEntries(
    Object.entries({ argMax: tf.argMax, argMin: tf.argMin }).map(([op, f]): [string, Maker] => [
      op,
      (d) => {
        const x = d.tensor(d.shape(1 + d.below(3)));
        const axis = d.below(x.shape.length);
        return { inputs: [x], f: (a) => f(a!, axis) };
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({ cumsum: tf.cumsum, cumprod: tf.cumprod }).map(([op, f]): [string, Maker] => [
      op,
      (d) => {
        const x = d.tensor(d.shape(1 + d.below(3)));
        const axis = d.below(x.shape.length);
        const [exclusive, reverse] = [d.chance(0.5), d.chance(0.5)];
        return { inputs: [x], f: (a) => f(a!, axis, exclusive, reverse) };
      },
    ]),
  ),
  softmax: (d) => ({ inputs: [d.tensor(d.shape(1 + d.below(3)))], f: (x) => tf.softmax(x!) }),
  logSoftmax: (d) => ({ inputs: [d.tensor(d.shape(1 + d.below(3)))], f: (x) => tf.logSoftmax(x!) }),
  topk: (d) => {
    const x = d.tensor(d.shape(1 + d.below(3)));
    const k = Math.min(x.shape.at(-1)!, 1 + d.below(3));
    return {
      inputs: [x],
      f: (a) => {
        const { values, indices } = tf.topk(a!, k);
        return [values, indices];
      },
    };
  },
  moments: (d) => {
    const x = d.tensor(d.shape());
    const axes = d.axes(x.shape);
    return {
      inputs: [x],
      f: (a) => {
        const { mean, variance } = tf.moments(a!, axes);
        return [mean, variance];
      },
    };
  },
  matMul: (d) => {
    const [m, k, n] = [d.length(), d.length(), d.length()];
    const [ta, tb] = [d.chance(0.5), d.chance(0.5)];
    const batch = d.one([[], [], [2], [3, 2], [0], [1, 2]]);
    const [ofA, ofB] = [batch, d.broadcasts(batch)];
    const inputs = [
      d.tensor([...ofA, ...(ta ? [k, m] : [m, k])]),
      d.tensor([...ofB, ...(tb ? [n, k] : [k, n])]),
    ];
    return { inputs, f: (a, b) => tf.matMul(a!, b!, ta, tb) };
  },
  'matMul, batches that broadcast both ways': (d) => {
    const [m, k, n] = [d.length(), d.length(), d.length()];
    const [p, q] = [d.length(), d.length()];
    return {
      inputs: [d.tensor([p, 1, m, k]), d.tensor([1, q, k, n])],
      f: (a, b) => tf.matMul(a!, b!),
    };
  },
  'fused.matMul': (d) => {
    const [m, k, n] = [d.length(), d.length(), d.length()];
    const activation = d.one(['linear', 'relu', 'sigmoid', 'elu'] as const);
    const inputs = [d.tensor([m, k]), d.tensor([k, n])];
    if (d.chance(0.5)) inputs.push(d.tensor([n], 'float32', false));
    return {
      inputs,
      f: (a, b, bias) => tf.fused.matMul({ a: a!, b: b!, ...(bias && { bias }), activation }),
    };
  },
  dot: (d) => {
    const k = d.length();
    const [a, b] = d.one([
      [[k], [k]],
      [[3, k], [k]],
      [[k], [k, 2]],
      [
        [2, k],
        [k, 3],
      ],
    ]);
    return { inputs: [d.tensor(a!), d.tensor(b!)], f: (x, y) => tf.dot(x!, y!) };
  },
  outerProduct: (d) => ({
    inputs: [d.tensor([d.length()]), d.tensor([d.length()])],
    f: (a, b) => tf.outerProduct(a as tf.Tensor1D, b as tf.Tensor1D),
  }),
  einsum: (d) => {
    const [i, j, k] = [d.length(), d.length(), d.length()];
    const [equation, a, b] = d.one<[string, number[], number[]]>([
      ['ij,jk->ik', [i, j], [j, k]],
      ['ij,ij->i', [i, j], [i, j]],
      ['ij,k->ki', [i, j], [k]],
      ['ij,jk->', [i, j], [j, k]],
      ['kij,kj->ik', [k, i, j], [k, j]],
    ]);
    return { inputs: [d.tensor(a), d.tensor(b)], f: (x, y) => tf.einsum(equation, x!, y!) };
  },
  'einsum of one': (d) => {
    const equation = d.one(['ij->ji', 'ij->j', 'ij->', 'ij->ij']);
    return { inputs: [d.tensor(d.shape(2))], f: (x) => tf.einsum(equation, x!) };
  },
  unsortedSegmentSum: (d) => {
    const rows = d.length();
    const x = d.tensor([rows, ...d.shape(d.below(2))], d.type(), false);
    const segments = 1 + d.below(4);
    return {
      inputs: [x, d.places([rows], segments)],
      f: (a, ids) => tf.unsortedSegmentSum(a!, ids as tf.Tensor1D, segments),
    };
  },
  bincount: (d) => {
    const n = d.length();
    const weights = d.chance(0.5)
      ? d.tensor([n], d.one(['float32', 'int32']), false)
      : d.tensor([0], 'float32');
    return {
      inputs: [d.places([n], 4), weights],
      f: (x, w) => tf.bincount(x as tf.Tensor1D, w as tf.Tensor1D, 5),
    };
  },
  batchNorm: (d) => {
    const c = d.length();
    const of = () => d.tensor([c], d.chance(0.8) ? 'float32' : 'int32', false);
    const variance = { ...of(), values: Array.from({ length: c }, () => 0.5 + d.random()) };
    const inputs = [d.tensor([d.length(), d.length(), d.length(), c]), of(), variance];
    if (d.chance(0.7)) inputs.push(of(), of());
    return {
      inputs,
      f: (x, mean, v, offset, scale) =>
        tf.batchNorm(
          x!,
          mean as tf.Tensor1D,
          v as tf.Tensor1D,
          offset as tf.Tensor1D | undefined,
          scale as tf.Tensor1D | undefined,
        ),
    };
  },
  softmaxCrossEntropy: (d) => {
    const shape = d.shape(2);
    return {
      inputs: [d.tensor(shape, d.type(), false), d.tensor(shape)],
      f: (y, z) => tf.losses.softmaxCrossEntropy(y!, z!),
    };
  },
  meanSquaredError: (d) => {
    const shape = d.shape();
    return {
      inputs: [d.tensor(shape), d.tensor(shape)],
      f: (y, z) => tf.losses.meanSquaredError(y!, z!),
    };
  },
};
