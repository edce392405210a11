import * as tf from '@tensorflow/tfjs';
import type { Maker } from './draws';

type Tensor = tf.Tensor;

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

/** Functions entry by entry, and reductions along axes. */
export const elementwise: [string, Maker][] = [
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
];
