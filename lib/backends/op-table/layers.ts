import * as tf from '@tensorflow/tfjs';
import { weightsOf } from '../engine';
import { unrecorded } from '../unrecorded';
import { apart, between, type Case, call, type Draw, signed } from './case';

type Layer = tf.layers.Layer;

/** A layer's weight, whose value can be set aside for the tensor that is differentiated. */
/**
 * A layer as a function of its input and its trainable weights.
 *
 * The layer is built again at each call, on whatever backend is current.
 */
function layer(
  op: string,
  make: () => Layer,
  inputs: Draw[],
  weights: number[][] = [],
  variant = '',
  training = false,
): Case {
  const f = (...args: tf.Tensor[]) => {
    const built = make();
    const data = args.slice(0, inputs.length);
    const input = data.length > 1 ? data : data[0]!;
    unrecorded(() => tf.tidy(() => void built.apply(input)));
    const trainable = weightsOf(built, 'trainableWeights');
    if (trainable.length !== weights.length) {
      throw new Error(`${op} has weights ${JSON.stringify(trainable.map((w) => w.shape))}`);
    }
    const kept = trainable.map((weight) => weight.val);
    trainable.forEach((weight, i) => {
      weight.val = args[inputs.length + i]!;
    });
    try {
      const y = built.apply(input, { training }) as tf.Tensor;
      return Array.isArray(y) ? (y[0] as tf.Tensor) : y;
    } finally {
      for (const t of kept) t.dispose();
      for (const w of weightsOf(built, 'nonTrainableWeights')) w.val.dispose();
    }
  };
  return call(
    `layers.${op}`,
    [...inputs, ...weights.map((shape) => between(-0.6, 0.6, ...shape))],
    f,
    variant,
  );
}

const L = tf.layers;
const flat = signed(3, 4);
const series = signed(2, 4, 3);
const picture = signed(2, 4, 4, 2);
const peaks = apart(2, 4, 4, 2);
const volume = signed(1, 4, 4, 4, 1);

const activations = [
  'elu',
  'selu',
  'relu',
  'relu6',
  'sigmoid',
  'hardSigmoid',
  'softplus',
  'softsign',
  'tanh',
  'softmax',
  'logSoftmax',
  'swish',
  'mish',
  'gelu',
  'gelu_new',
  'linear',
] as const;
const recurrent = { units: 2, returnSequences: true } as const;

/** The layers of tfjs-layers that compute with floating-point numbers. */
export const layers: Case[] = [
  {
    ...layer('centerCrop', () => L.centerCrop({ height: 2, width: 2 }), [picture]),
    refusal: 'CropAndResize',
  },
  ...activations.map((activation) =>
    layer(
      'activation',
      () => L.activation({ activation: activation as 'relu' }),
      [between(0.3, 1.5, 3, 4)],
      [],
      activation,
    ),
  ),
  ...activations.map((activation) =>
    layer(
      'dense',
      () => L.dense({ units: 2, activation: activation as 'relu' }),
      [flat],
      [[4, 2], [2]],
      `with ${activation}`,
    ),
  ),
  layer('dense', () => L.dense({ units: 2, useBias: false }), [series], [[3, 2]], 'over a series'),
  layer('elu', () => L.elu({ alpha: 1 }), [flat]),
  layer('leakyReLU', () => L.leakyReLU({ alpha: 0.2 }), [flat]),
  layer('prelu', () => L.prelu(), [flat], [[4]]),
  layer('reLU', () => L.reLU({ maxValue: 9 }), [flat]),
  layer('softmax', () => L.softmax(), [flat]),
  layer('thresholdedReLU', () => L.thresholdedReLU({ theta: 0.1 }), [flat]),
  layer('add', () => L.add(), [flat, flat]),
  layer('average', () => L.average(), [flat, flat]),
  layer('concatenate', () => L.concatenate(), [flat, flat]),
  layer('dot', () => L.dot({ axes: 1 }), [flat, flat]),
  layer('maximum', () => L.maximum(), [apart(3, 4), between(0, 0.02, 3, 4)]),
  layer('minimum', () => L.minimum(), [apart(3, 4), between(0, 0.02, 3, 4)]),
  layer('multiply', () => L.multiply(), [flat, flat]),
  layer('batchNormalization', () => L.batchNormalization(), [flat], [[4], [4]], 'inference'),
  layer('batchNormalization', () => L.batchNormalization(), [flat], [[4], [4]], 'training', true),
  layer(
    'batchNormalization',
    () => L.batchNormalization(),
    [picture],
    [[2], [2]],
    'training, images',
    true,
  ),
  layer('layerNormalization', () => L.layerNormalization(), [flat], [[4], [4]]),
  layer('dropout', () => L.dropout({ rate: 0.5, seed: 3 }), [flat], [], 'inference'),
  layer('dropout', () => L.dropout({ rate: 0.5, seed: 3 }), [flat], [], 'training', true),
  layer(
    'spatialDropout1d',
    () => L.spatialDropout1d({ rate: 0.5, seed: 3 }),
    [series],
    [],
    'training',
    true,
  ),
  layer('alphaDropout', () => L.alphaDropout({ rate: 0.5 }), [flat], [], 'inference'),
  layer('gaussianDropout', () => L.gaussianDropout({ rate: 0.5 }), [flat], [], 'inference'),
  layer('gaussianNoise', () => L.gaussianNoise({ stddev: 0.5 }), [flat], [], 'inference'),
  layer(
    'conv1d',
    () => L.conv1d({ filters: 2, kernelSize: 2, padding: 'same', activation: 'tanh' }),
    [series],
    [[2, 3, 2], [2]],
  ),
  layer(
    'conv2d',
    () => L.conv2d({ filters: 2, kernelSize: 3, padding: 'same', activation: 'tanh' }),
    [picture],
    [[3, 3, 2, 2], [2]],
  ),
  layer(
    'conv2d',
    () => L.conv2d({ filters: 2, kernelSize: 3, strides: 2, activation: 'relu' }),
    [picture],
    [[3, 3, 2, 2], [2]],
    'stride 2',
  ),
  layer(
    'conv2dTranspose',
    () => L.conv2dTranspose({ filters: 2, kernelSize: 2, strides: 2 }),
    [signed(1, 2, 2, 2)],
    [[2, 2, 2, 2], [2]],
  ),
  layer(
    'conv3d',
    () => L.conv3d({ filters: 2, kernelSize: 2 }),
    [signed(1, 3, 3, 3, 1)],
    [[2, 2, 2, 1, 2], [2]],
  ),
  layer(
    'conv3dTranspose',
    () => L.conv3dTranspose({ filters: 1, kernelSize: 2 }),
    [signed(1, 2, 2, 2, 1)],
    [[2, 2, 2, 1, 1], [1]],
  ),
  layer(
    'depthwiseConv2d',
    () => L.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2 }),
    [picture],
    [[2, 2, 2, 2], [4]],
  ),
  layer(
    'separableConv2d',
    () => L.separableConv2d({ filters: 2, kernelSize: 2 }),
    [picture],
    [[2, 2, 2, 1], [1, 1, 2, 2], [2]],
  ),
  layer('averagePooling1d', () => L.averagePooling1d({ poolSize: 2 }), [series]),
  layer('averagePooling2d', () => L.averagePooling2d({ poolSize: 2 }), [picture]),
  layer('averagePooling3d', () => L.averagePooling3d({ poolSize: 2 }), [volume]),
  layer('maxPooling1d', () => L.maxPooling1d({ poolSize: 2 }), [apart(2, 4, 3)]),
  layer('maxPooling2d', () => L.maxPooling2d({ poolSize: 2 }), [peaks]),
  layer('maxPooling3d', () => L.maxPooling3d({ poolSize: 2 }), [apart(1, 4, 4, 4, 1)]),
  layer('globalAveragePooling1d', () => L.globalAveragePooling1d({}), [series]),
  layer('globalAveragePooling2d', () => L.globalAveragePooling2d({}), [picture]),
  layer('globalMaxPooling1d', () => L.globalMaxPooling1d({}), [apart(2, 4, 3)]),
  layer('globalMaxPooling2d', () => L.globalMaxPooling2d({}), [peaks]),
  layer('flatten', () => L.flatten(), [picture]),
  layer('permute', () => L.permute({ dims: [2, 1] }), [series]),
  layer('repeatVector', () => L.repeatVector({ n: 2 }), [flat]),
  layer('reshape', () => L.reshape({ targetShape: [2, 2] }), [flat]),
  layer(
    'cropping2D',
    () =>
      L.cropping2D({
        cropping: [
          [1, 0],
          [1, 1],
        ],
      }),
    [picture],
  ),
  layer('zeroPadding2d', () => L.zeroPadding2d({ padding: [1, 2] }), [picture]),
  layer('upSampling2d', () => L.upSampling2d({ size: [2, 2] }), [picture]),
  layer(
    'upSampling2d',
    () => L.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }),
    [picture],
    [],
    'bilinear',
  ),
  layer('rescaling', () => L.rescaling({ scale: 2, offset: 1 }), [flat]),
  layer('resizing', () => L.resizing({ height: 3, width: 3 }), [picture]),
  layer('masking', () => L.masking({ maskValue: 9 }), [series]),
  layer(
    'embedding',
    () => L.embedding({ inputDim: 4, outputDim: 2 }),
    [() => ({ shape: [1, 3], values: [2.5, 0.5, 2.5] })],
    [[4, 2]],
  ),
  ...(['tanh', 'relu', 'sigmoid'] as const).map((activation) =>
    layer(
      'simpleRNN',
      () => L.simpleRNN({ ...recurrent, activation }),
      [series],
      [[3, 2], [2, 2], [2]],
      activation,
    ),
  ),
  ...(['hardSigmoid', 'sigmoid'] as const).flatMap((recurrentActivation) => [
    layer(
      'lstm',
      () => L.lstm({ ...recurrent, recurrentActivation }),
      [series],
      [[3, 8], [2, 8], [8]],
      recurrentActivation,
    ),
    layer(
      'gru',
      () => L.gru({ ...recurrent, recurrentActivation }),
      [series],
      [[3, 6], [2, 6], [6]],
      recurrentActivation,
    ),
  ]),
  layer(
    'bidirectional',
    () => L.bidirectional({ layer: L.simpleRNN(recurrent) as tf.RNN, mergeMode: 'concat' }),
    [series],
    [[3, 2], [2, 2], [2], [3, 2], [2, 2], [2]],
  ),
  layer(
    'timeDistributed',
    () => L.timeDistributed({ layer: L.dense({ units: 2 }) }),
    [series],
    [[3, 2], [2]],
  ),
  layer(
    'convLstm2d',
    () => L.convLstm2d({ filters: 1, kernelSize: 2, padding: 'same' }),
    [signed(1, 2, 3, 3, 1)],
    [[2, 2, 1, 4], [2, 2, 1, 4], [4]],
  ),
];
