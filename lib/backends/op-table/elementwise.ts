import * as tf from '@tensorflow/tfjs';
import { apart, between, type Case, call, type Draw, signed } from './case';

type Unary = (x: tf.Tensor) => tf.Tensor;
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const unary: [string, Draw, Unary][] = [
  ['abs', signed(3, 4), tf.abs],
  ['acos', between(-0.7, 0.7, 3, 4), tf.acos],
  ['acosh', between(1.5, 3, 3, 4), tf.acosh],
  ['asin', between(-0.7, 0.7, 3, 4), tf.asin],
  ['asinh', signed(3, 4), tf.asinh],
  ['atan', signed(3, 4), tf.atan],
  ['atanh', between(-0.7, 0.7, 3, 4), tf.atanh],
  ['ceil', between(0.2, 0.8, 3, 4), tf.ceil],
  ['clone', signed(3, 4), tf.clone],
  ['cos', signed(3, 4), tf.cos],
  ['cosh', signed(3, 4), tf.cosh],
  ['elu', signed(3, 4), tf.elu],
  ['erf', signed(3, 4), tf.erf],
  ['exp', signed(3, 4), tf.exp],
  ['expm1', signed(3, 4), tf.expm1],
  ['floor', between(0.2, 0.8, 3, 4), tf.floor],
  ['log', between(0.5, 2, 3, 4), tf.log],
  ['log1p', between(-0.5, 2, 3, 4), tf.log1p],
  ['logSigmoid', signed(3, 4), tf.logSigmoid],
  ['neg', signed(3, 4), tf.neg],
  ['onesLike', signed(3, 4), tf.onesLike],
  ['reciprocal', between(0.5, 2, 3, 4), tf.reciprocal],
  ['relu', signed(3, 4), tf.relu],
  ['relu6', between(0.5, 5, 3, 4), tf.relu6],
  ['round', between(0.6, 1.4, 3, 4), tf.round],
  ['rsqrt', between(0.5, 2, 3, 4), tf.rsqrt],
  ['selu', signed(3, 4), tf.selu],
  ['sigmoid', signed(3, 4), tf.sigmoid],
  ['sign', signed(3, 4), tf.sign],
  ['sin', signed(3, 4), tf.sin],
  ['sinh', signed(3, 4), tf.sinh],
  ['softplus', signed(3, 4), tf.softplus],
  ['sqrt', between(0.5, 2, 3, 4), tf.sqrt],
  ['square', signed(3, 4), tf.square],
  ['step', signed(3, 4), (x) => tf.step(x)],
  ['tan', between(-1, 1, 3, 4), tf.tan],
  ['tanh', signed(3, 4), tf.tanh],
  ['zerosLike', signed(3, 4), tf.zerosLike],
];

const away = (...shape: number[]) => between(0.5, 2, ...shape);

const binary: [string, Draw, Draw, Binary][] = [
  ['add', signed(2, 3), signed(2, 3), tf.add],
  ['atan2', away(2, 3), away(2, 3), tf.atan2],
  ['div', signed(2, 3), away(2, 3), tf.div],
  ['divNoNan', signed(2, 3), away(2, 3), tf.divNoNan],
  ['floorDiv', between(2.2, 2.8, 2, 3), between(0.9, 1, 2, 3), tf.floorDiv],
  ['maximum', between(-0.05, 0.05, 2, 3), signed(2, 3), tf.maximum],
  ['minimum', between(-0.05, 0.05, 2, 3), signed(2, 3), tf.minimum],
  ['mod', between(2.3, 2.7, 2, 3), between(0.9, 1, 2, 3), tf.mod],
  ['mul', signed(2, 3), signed(2, 3), tf.mul],
  ['pow', away(2, 3), signed(2, 3), tf.pow],
  ['prelu', signed(2, 3), signed(2, 3), tf.prelu],
  ['squaredDifference', signed(2, 3), signed(2, 3), tf.squaredDifference],
  ['sub', signed(2, 3), signed(2, 3), tf.sub],
];

/** The same draw with the first axis, or all axes, left to broadcasting. */
const row =
  (draw: Draw): Draw =>
  (random) => {
    const { shape, values } = draw(random);
    return { shape: shape.slice(1), values: values.slice(0, values.length / shape[0]!) };
  };

/** Yes or no, as numbers that carry no derivative, times something that does. */
const gate = (condition: tf.Tensor, x: tf.Tensor) => tf.mul(tf.cast(condition, 'float32'), x);

const conditions: [string, Binary][] = [
  ['equal', tf.equal],
  ['greater', tf.greater],
  ['greaterEqual', tf.greaterEqual],
  ['less', tf.less],
  ['lessEqual', tf.lessEqual],
  ['notEqual', tf.notEqual],
];

const logic: [string, Binary][] = [
  ['logicalAnd', tf.logicalAnd],
  ['logicalOr', tf.logicalOr],
  ['logicalXor', tf.logicalXor],
];

const positive = (x: tf.Tensor) => tf.greater(x, 0);

/** Ops that treat each element by itself, or pair by pair. */
export const elementwise: Case[] = [
  ...unary.map(([op, draw, f]) => call(op, [draw], f)),
  ...binary.flatMap(([op, a, b, f]) => [
    call(op, [a, b], f),
    call(op, [a, row(b)], f, 'second broadcast'),
    ...(op === 'prelu' ? [] : [call(op, [row(a), b], f, 'first broadcast')]),
  ]),
  call('pow', [signed(2, 3)], (x) => tf.pow(x, tf.scalar(3)), 'negative base'),
  call('addN', [signed(2, 3), signed(2, 3), signed(2, 3)], (a, b, c) => tf.addN([a, b, c])),
  call('clipByValue', [apart(3, 4)], (x) => tf.clipByValue(x, -0.9, 0.9)),
  call('logSigmoid', [signed(3, 4)], (x) => tf.logSigmoid(tf.mul(2, x)), 'of what was computed'),
  call('leakyRelu', [signed(3, 4)], (x) => tf.leakyRelu(x, 0.3)),
  call('step', [signed(3, 4)], (x) => tf.mul(tf.step(x, 0.3), x), 'times x'),
  call('cast', [signed(3, 4)], (x) => tf.cast(x, 'float32'), 'to numbers'),
  call('cast', [between(0.2, 0.8, 3, 4)], (x) => gate(tf.cast(x, 'int32'), x), 'to integers'),
  call('cast', [signed(3, 4)], (x) => gate(tf.cast(x, 'bool'), x), 'to yes and no'),
  call('isFinite', [signed(3, 4)], (x) => gate(tf.isFinite(x), x)),
  call('isInf', [signed(3, 4)], (x) => gate(tf.isInf(x), x)),
  call('isNaN', [signed(3, 4)], (x) => gate(tf.isNaN(x), x)),
  ...conditions.map(([op, f]) => call(op, [apart(2, 3)], (x) => gate(f(x, tf.scalar(0.5)), x))),
  ...logic.map(([op, f]) =>
    call(op, [signed(2, 3), signed(2, 3)], (a, b) => gate(f(positive(a), positive(b)), a)),
  ),
  call('logicalNot', [signed(2, 3)], (x) => gate(tf.logicalNot(positive(x)), x)),
  call('bitwiseAnd', [between(2.2, 2.8, 2, 3)], (x) =>
    gate(tf.bitwiseAnd(tf.cast(x, 'int32'), tf.fill([2, 3], 3, 'int32')), x),
  ),
  call('where', [signed(2, 3), signed(2, 3)], (a, b) =>
    tf.where(tf.greater(a, 0), tf.square(a), b),
  ),
  call('dropout', [signed(4, 4)], (x) => tf.dropout(x, 0.5, undefined, 7)),
  call('movingAverage', [signed(2, 3), signed(2, 3)], (v, x) => tf.movingAverage(v, x, 0.9, 3)),
  call('ensureShape', [signed(2, 3)], (x) => tf.ensureShape(x, [2, 3])),
];
