import * as tf from '@tensorflow/tfjs';
import type { Random } from './case';
import { type Type, type Typed, type TypedCall, types } from './typed';

type Tensor = tf.Tensor;

/** Draws from a seeded source of numbers between 0 and 1. */
export class Draws {
  /** @param odd whether NaN, infinities and large integers may be drawn */
  constructor(
    readonly random: Random,
    readonly odd: boolean,
  ) {}

  /** A whole number below n. */
  below = (n: number) => Math.floor(this.random() * n);
  one = <T>(list: readonly T[]): T => list[this.below(list.length)]!;
  chance = (p: number) => this.random() < p;

  /** The length of an axis: often small, at times 0 or 1. */
  length = () => this.one([0, 1, 1, 2, 3, 4, 5, 7, 17]);
  shape = (rank = this.below(5)) => Array.from({ length: rank }, () => this.length());
  type = (): Type => this.one(types);

  /** A shape that broadcasts against another. */
  broadcasts(shape: number[]): number[] {
    const own = shape.map((n) => (this.chance(0.25) ? 1 : n));
    return this.chance(0.3) ? own.slice(this.below(own.length + 1)) : own;
  }

  value(dtype: Type, wished: boolean): number {
    const specials = wished && this.odd;
    if (dtype === 'bool') return this.below(2);
    if (dtype === 'int32') {
      return specials && this.chance(0.05)
        ? this.one([2 ** 31 - 1, -(2 ** 31), 2 ** 24 + 1, 1e6])
        : this.below(11) - 5;
    }
    if (specials && this.chance(0.08)) {
      return this.one([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0]);
    }
    return this.chance(0.3) ? this.below(7) - 3 : 4 * this.random() - 2;
  }

  tensor(shape: number[], dtype: Type = this.type(), specials = this.chance(0.3)): Typed {
    const size = shape.reduce((a, b) => a * b, 1);
    const values = Array.from({ length: size }, () => this.value(dtype, specials));
    return { shape, dtype, values };
  }

  /** Places along an axis that is not empty. */
  places = (shape: number[], below: number): Typed => ({
    ...this.tensor(shape, 'int32'),
    values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => this.below(below)),
  });

  /** Some axes of a shape, or all; undefined means all. */
  axes(shape: number[]): number[] | undefined {
    if (this.chance(0.2)) return undefined;
    return shape.map((_, axis) => axis).filter(() => this.chance(0.5));
  }
}

type Maker = (d: Draws) => Omit<TypedCall, 'name'>;

const unary: Record<string, (x: Tensor) => Tensor> = {
  abs: tf.abs,
  acos: tf.acos,
  acosh: tf.acosh,
  asin: tf.asin,
  asinh: tf.asinh,
  atan: tf.atan,
  atanh: tf.atanh,
  ceil: tf.ceil,
  clone: tf.clone,
  cos: tf.cos,
  cosh: tf.cosh,
  elu: tf.elu,
  erf: tf.erf,
  exp: tf.exp,
  expm1: tf.expm1,
  floor: tf.floor,
  isFinite: tf.isFinite,
  isInf: tf.isInf,
  isNaN: tf.isNaN,
  log: tf.log,
  log1p: tf.log1p,
  logSigmoid: tf.logSigmoid,
  logicalNot: tf.logicalNot,
  neg: tf.neg,
  onesLike: tf.onesLike,
  reciprocal: tf.reciprocal,
  relu: tf.relu,
  relu6: tf.relu6,
  round: tf.round,
  rsqrt: tf.rsqrt,
  selu: tf.selu,
  sigmoid: tf.sigmoid,
  sign: tf.sign,
  sin: tf.sin,
  sinh: tf.sinh,
  softplus: tf.softplus,
  sqrt: tf.sqrt,
  square: tf.square,
  step: (x) => tf.step(x, 0.2),
  tan: tf.tan,
  tanh: tf.tanh,
  zerosLike: tf.zerosLike,
  leakyRelu: (x) => tf.leakyRelu(x, 0.3),
};

const binary: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
  add: tf.add,
  atan2: tf.atan2,
  bitwiseAnd: tf.bitwiseAnd,
  div: tf.div,
  divNoNan: tf.divNoNan,
  equal: tf.equal,
  floorDiv: tf.floorDiv,
  greater: tf.greater,
  greaterEqual: tf.greaterEqual,
  less: tf.less,
  lessEqual: tf.lessEqual,
  logicalAnd: tf.logicalAnd,
  logicalOr: tf.logicalOr,
  logicalXor: tf.logicalXor,
  maximum: tf.maximum,
  minimum: tf.minimum,
  mod: tf.mod,
  mul: tf.mul,
  notEqual: tf.notEqual,
  pow: tf.pow,
  prelu: tf.prelu,
  squaredDifference: tf.squaredDifference,
  sub: tf.sub,
};

type Axis = number | number[] | undefined;
const reductions: Record<string, (x: Tensor, axis: Axis, keepDims: boolean) => Tensor> = {
  all: tf.all,
  any: tf.any,
  max: tf.max,
  mean: tf.mean,
  min: tf.min,
  prod: tf.prod,
  sum: tf.sum,
  logSumExp: tf.logSumExp,
  norm: (x, axis, keepDims) => tf.norm(x, 'euclidean', axis, keepDims),
};

/** Moving, taking and repeating what a tensor holds. */
const movements: Record<string, Maker> = {
  concat: (d) => {
    const shape = d.shape(1 + d.below(4));
    const axis = d.below(shape.length);
    const dtype = d.chance(0.8) ? d.type() : undefined;
    const inputs = Array.from({ length: 1 + d.below(4) }, () =>
      d.tensor(shape.with(axis, d.length()), dtype),
    );
    return { inputs, f: (...xs) => tf.concat(xs, axis) };
  },
  stack: (d) => {
    const shape = d.shape(d.below(4));
    const axis = d.below(shape.length + 1);
    const dtype = d.type();
    const inputs = Array.from({ length: 1 + d.below(3) }, () => d.tensor(shape, dtype));
    return { inputs, f: (...xs) => tf.stack(xs, axis) };
  },
  unstack: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const axis = d.below(x.shape.length);
    return { inputs: [x], f: (a) => tf.unstack(a!, axis) };
  },
  split: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const axis = d.below(x.shape.length);
    const n = x.shape[axis]!;
    const first = d.below(n + 1);
    return { inputs: [x], f: (a) => tf.split(a!, [first, n - first], axis) };
  },
  slice: (d) => {
    const x = d.tensor(d.shape());
    const begin = x.shape.map((n) => d.below(n + 1));
    const size = x.shape.map((n, i) => d.below(n - begin[i]! + 1));
    return { inputs: [x], f: (a) => tf.slice(a!, begin, size) };
  },
  stridedSlice: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const strides = x.shape.map(() => d.one([1, 1, 2, -1, 3]));
    const ends = x.shape.map((n, i) => {
      const both = [d.below(n + 1), d.below(n + 1)].sort((a, b) => a - b);
      return strides[i]! > 0 ? both : both.reverse();
    });
    const [begin, end] = [0, 1].map((k) => ends.map((both) => both[k]!)) as [number[], number[]];
    return { inputs: [x], f: (a) => tf.stridedSlice(a!, begin, end, strides) };
  },
  transpose: (d) => {
    const x = d.tensor(d.shape());
    const order = x.shape.map((_, i) => i).sort(() => d.random() - 0.5);
    return { inputs: [x], f: (a) => tf.transpose(a!, order) };
  },
  reverse: (d) => {
    const x = d.tensor(d.shape());
    const axes = d.axes(x.shape);
    return { inputs: [x], f: (a) => tf.reverse(a!, axes) };
  },
  tile: (d) => {
    const x = d.tensor(d.shape());
    const reps = x.shape.map(() => d.one([0, 1, 1, 2, 3]));
    return { inputs: [x], f: (a) => tf.tile(a!, reps) };
  },
  broadcastTo: (d) => {
    const shape = d.shape();
    return {
      inputs: [d.tensor(d.broadcasts(shape))],
      f: (a) => tf.broadcastTo(a!, shape),
    };
  },
  pad: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const pads = x.shape.map((): [number, number] => [d.below(3), d.below(3)]);
    const value = d.one([0, 1, 2.5]);
    return { inputs: [x], f: (a) => tf.pad(a!, pads, value) };
  },
  mirrorPad: (d) => {
    const x = d.tensor(d.shape(1 + d.below(3)));
    const pads = x.shape.map((n): [number, number] => [
      d.below(Math.max(1, n)),
      d.below(Math.max(1, n)),
    ]);
    const mode = d.one(['reflect', 'symmetric'] as const);
    return { inputs: [x], f: (a) => tf.mirrorPad(a!, pads, mode) };
  },
  gather: (d) => {
    const x = d.tensor(d.shape(1 + d.below(4)));
    const axis = d.below(x.shape.length);
    const n = x.shape[axis]!;
    const indices = d.places(n === 0 ? [0] : d.shape(d.below(3)), n);
    return { inputs: [x, indices], f: (a, i) => tf.gather(a!, i as tf.Tensor1D, axis) };
  },
  gatherND: (d) => {
    const x = d.tensor(d.shape(1 + d.below(3)));
    const depth = 1 + d.below(x.shape.length);
    const few = Math.min(...x.shape.slice(0, depth));
    const indices = d.places([few === 0 ? 0 : d.length(), depth], few);
    return { inputs: [x, indices], f: (a, i) => tf.gatherND(a!, i!) };
  },
  scatterND: (d) => {
    const n = 1 + d.below(5);
    const rows = d.length();
    const rest = d.shape(d.below(3));
    const updates = d.tensor([rows, ...rest]);
    return {
      inputs: [d.places([rows, 1], n), updates],
      f: (i, u) => tf.scatterND(i!, u!, [n, ...rest]),
    };
  },
  tensorScatterUpdate: (d) => {
    const dtype = d.type();
    const x = d.tensor([1 + d.below(5), ...d.shape(d.below(2))], dtype);
    const rows = d.length();
    const updates = d.tensor([rows, ...x.shape.slice(1)], dtype);
    return {
      inputs: [x, d.places([rows, 1], x.shape[0]!), updates],
      f: (a, i, u) => tf.tensorScatterUpdate(a!, i!, u!),
    };
  },
  oneHot: (d) => {
    const depth = 1 + d.below(5);
    const dtype = d.type();
    const [on, off] = [d.one([1, 1, 2.5]), d.one([0, 0, -1])];
    const indices = d.tensor(d.shape(d.below(3)), 'int32', false);
    return { inputs: [indices], f: (i) => tf.oneHot(i!, depth, on, off, dtype) };
  },
  where: (d) => {
    const shape = d.shape();
    const condition = d.tensor(d.broadcasts(shape), d.chance(0.8) ? 'bool' : d.type());
    const inputs = [condition, d.tensor(d.broadcasts(shape)), d.tensor(d.broadcasts(shape))];
    return { inputs, f: (c, a, b) => tf.where(c!, a!, b!) };
  },
  clipByValue: (d) => ({
    inputs: [d.tensor(d.shape())],
    f: (x) => tf.clipByValue(x!, -1.5, 1.5),
  }),
  cast: (d) => {
    const dtype = d.type();
    return { inputs: [d.tensor(d.shape())], f: (x) => tf.cast(x!, dtype) };
  },
  fill: (d) => {
    const [shape, dtype] = [d.shape(), d.type()];
    const value = d.one([0, 1, 2.7, -3.2]);
    return { inputs: [], f: () => tf.fill(shape, value, dtype) };
  },
  diag: (d) => ({ inputs: [d.tensor(d.shape(1 + d.below(2)))], f: (x) => tf.diag(x!) }),
  depthToSpace: (d) => ({
    inputs: [d.tensor([d.length(), d.length(), 2, 4 * d.length()])],
    f: (x) => tf.depthToSpace(x as tf.Tensor4D, 2),
  }),
  batchToSpaceND: (d) => ({
    inputs: [d.tensor([4 * d.length(), 2, d.length(), 2])],
    f: (x) =>
      tf.batchToSpaceND(
        x!,
        [2, 2],
        [
          [0, 1],
          [0, 0],
        ],
      ),
  }),
  spaceToBatchND: (d) => ({
    inputs: [d.tensor([d.length(), 3, 2 * d.length(), 2])],
    f: (x) =>
      tf.spaceToBatchND(
        x!,
        [2, 2],
        [
          [0, 1],
          [0, 0],
        ],
      ),
  }),
  flipLeftRight: (d) => ({
    inputs: [d.tensor(d.shape(4))],
    f: (x) => tf.image.flipLeftRight(x as tf.Tensor4D),
  }),
  resizeBilinear: (d) => {
    const size: [number, number] = [1 + d.below(4), 1 + d.below(4)];
    const [align, half] = d.one([
      [false, false],
      [true, false],
      [false, true],
    ] as const);
    const x = d.tensor([d.length(), 1 + d.below(4), 1 + d.below(4), d.length()], d.type(), false);
    return {
      inputs: [x],
      f: (a) => tf.image.resizeBilinear(a as tf.Tensor4D, size, align, half),
    };
  },
  resizeNearestNeighbor: (d) => {
    const size: [number, number] = [1 + d.below(4), 1 + d.below(4)];
    const x = d.tensor([d.length(), 1 + d.below(4), 1 + d.below(4), d.length()]);
    return { inputs: [x], f: (a) => tf.image.resizeNearestNeighbor(a as tf.Tensor4D, size) };
  },
};

/** Sums, products and scans. */
const sums: Record<string, Maker> = {
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

/** Windows over images. */
const windows: Record<string, Maker> = {
  conv2d: (d) => {
    const c = d.length();
    const pad = d.one(['same', 'valid', 1] as const);
    const strides = d.one<number | [number, number]>([1, 2, [1, 3], 4]);
    const x = d.tensor([d.length(), 1 + d.below(6), d.length(), c]);
    const filter = d.tensor([1 + d.below(3), 1 + d.below(3), c, d.length()], d.type(), false);
    return {
      inputs: [x, filter],
      f: (a, w) => tf.conv2d(a as tf.Tensor4D, w as tf.Tensor4D, strides, pad),
    };
  },
  'fused.conv2d': (d) => {
    const [c, out] = [d.length(), d.length()];
    const x = d.tensor([d.length(), 1 + d.below(6), d.length(), c]);
    const filter = d.tensor([1 + d.below(3), 1 + d.below(3), c, out], d.type(), false);
    const activation = d.one(['linear', 'relu', 'sigmoid'] as const);
    return {
      inputs: [x, filter, d.tensor([out], 'float32')],
      f: (a, w, bias) =>
        tf.fused.conv2d({
          x: a as tf.Tensor4D,
          filter: w as tf.Tensor4D,
          strides: 1,
          pad: 'same',
          bias: bias!,
          activation,
        }),
    };
  },
  depthwiseConv2d: (d) => {
    const c = d.length();
    const x = d.tensor([d.length(), 1 + d.below(6), d.length(), c]);
    const filter = d.tensor([1 + d.below(3), 1 + d.below(3), c, d.length()], d.type(), false);
    const pad = d.one(['same', 'valid'] as const);
    return {
      inputs: [x, filter],
      f: (a, w) => tf.depthwiseConv2d(a as tf.Tensor4D, w as tf.Tensor4D, 1, pad),
    };
  },
  conv2dTranspose: (d) => {
    const [c, out] = [d.length(), d.length()];
    const [n, h, w] = [d.length(), d.length(), d.length()];
    return {
      inputs: [d.tensor([n, h, w, c]), d.tensor([2, 2, out, c], d.type(), false)],
      f: (a, b) =>
        tf.conv2dTranspose(a as tf.Tensor4D, b as tf.Tensor4D, [n, 2 * h, 2 * w, out], 2, 'same'),
    };
  },
  conv1d: (d) => {
    const c = d.length();
    return {
      inputs: [
        d.tensor([d.length(), 1 + d.below(6), c]),
        d.tensor([2, c, d.length()], d.type(), false),
      ],
      f: (a, w) => tf.conv1d(a as tf.Tensor3D, w as tf.Tensor3D, 1, 'same'),
    };
  },
  conv3d: (d) => {
    const c = d.length();
    return {
      inputs: [
        d.tensor([d.length(), 2, d.length(), 3, c]),
        d.tensor([2, 1, 2, c, d.length()], d.type(), false),
      ],
      f: (a, w) => tf.conv3d(a as tf.Tensor5D, w as tf.Tensor5D, 1, 'same'),
    };
  },
  dilation2d: (d) => {
    const c = d.length();
    return {
      inputs: [
        d.tensor([d.length(), 1 + d.below(6), d.length(), c], d.type(), false),
        d.tensor([2, 2, c], d.type(), false),
      ],
      f: (a, w) => tf.dilation2d(a as tf.Tensor4D, w as tf.Tensor3D, 1, 'same'),
    };
  },
  ...Object.fromEntries(
    Object.entries({ maxPool: tf.maxPool, avgPool: tf.avgPool }).map(([op, f]): [string, Maker] => [
      op,
      (d) => {
        const x = d.tensor([d.length(), 1 + d.below(6), d.length(), d.length()]);
        const [size, strides] = [1 + d.below(3), 1 + d.below(3)];
        const pad = d.one(['same', 'valid'] as const);
        return { inputs: [x], f: (a) => f(a as tf.Tensor4D, size, strides, pad) };
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({ maxPool3d: tf.maxPool3d, avgPool3d: tf.avgPool3d }).map(
      ([op, f]): [string, Maker] => [
        op,
        (d) => {
          // Where all of a window is NaN, cpu gives −∞.
          const shape = [d.length(), 2, 1 + d.below(3), d.length(), d.length()];
          const x = d.tensor(shape, d.type(), false);
          const pad = d.one(['same', 'valid'] as const);
          return { inputs: [x], f: (a) => f(a as tf.Tensor5D, 2, 1, pad) };
        },
      ],
    ),
  ),
  maxPoolWithArgmax: (d) => {
    const shape = [d.length(), 1 + d.below(6), d.length(), d.length()];
    const x = d.tensor(shape, d.type(), false);
    return {
      inputs: [x],
      f: (a) => {
        const { result, indexes } = tf.maxPoolWithArgmax(a as tf.Tensor4D, 2, 2, 'same');
        return [result!, indexes!];
      },
    };
  },
  localResponseNormalization: (d) => ({
    inputs: [d.tensor([d.length(), 2, d.length(), d.length()], d.type(), false)],
    f: (x) => tf.localResponseNormalization(x as tf.Tensor4D, 1, 1.5, 0.6, 0.75),
  }),
};

const makers: [string, Maker][] = [
  ...Object.entries(unary).map(([op, f]): [string, Maker] => [
    op,
    (d) => ({ inputs: [d.tensor(d.shape())], f: (x) => f(x!) }),
  ]),
  ...Object.entries(binary).map(([op, f]): [string, Maker] => [
    op,
    (d) => {
      const shape = d.shape();
      // A remainder near its divisor may be rounded to it, or to zero.
      const specials = op !== 'mod' && d.chance(0.3);
      const own = () => d.tensor(d.broadcasts(shape), d.type(), specials);
      return { inputs: [own(), own()], f: (a, b) => f(a!, b!) };
    },
  ]),
  ...Object.entries(reductions).map(([op, f]): [string, Maker] => [
    op,
    (d) => {
      const x = d.tensor(d.shape());
      const [axes, keepDims] = [d.axes(x.shape), d.chance(0.3)];
      return { inputs: [x], f: (a) => f(a!, axes, keepDims) };
    },
  ]),
  ...Object.entries(movements),
  ...Object.entries(sums),
  ...Object.entries(windows),
];

/**
 * So many random calls of each op, the same for the same source of numbers.
 *
 * @param odd whether NaN, infinities and large integers may be drawn
 */
export function randomCalls(random: Random, each: number, odd = true): TypedCall[] {
  const d = new Draws(random, odd);
  return makers.flatMap(([name, make]) =>
    Array.from({ length: each }, () => ({ name, ...make(d) })),
  );
}
