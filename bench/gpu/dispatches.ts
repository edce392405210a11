import * as tf from '@tensorflow/tfjs';
import { gaussNewton, hessian, valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy, useBackend } from '../../lib/backends';
import { dispatchesOf } from '../../lib/backends/webgpu/fusion/dispatches';
import { cnn, type Model, mlp } from '../../lib/models';
import { mapTensors } from '../../lib/spaces';

/** Small, since the number of kernels hardly depends on sizes, and an adapter may compute on the processor. */
const BATCH = 2;

const models: [string, Model][] = [
  ['MLP 784-20-10, tanh', mlp({ sizes: [784, 20, 10], activation: 'tanh' })],
  ['MLP 784-20-10, relu', mlp({ sizes: [784, 20, 10], activation: 'relu' })],
  ['CNN', cnn({ filters: [2, 4] })],
];

/** Kernels of a gradient, of recording a loss, and of products with its curvature. */
function counted(model: Model): Record<string, number> {
  const input = tf.randomUniform([BATCH, 784], 0, 1, 'float32', 1);
  const classes = Array.from({ length: BATCH }, (_, i) => (7 * i) % 10);
  const labels = tf.cast(tf.oneHot(tf.tensor1d(classes, 'int32'), 10), 'float32');
  const x = model.init(3);
  const v = mapTensors(x, ({ shape }) => tf.randomNormal(shape, 0, 1, 'float32', 4));
  const predict = (p: typeof x) => model.predict(p, input);
  const loss = (z: tf.Tensor) => softmaxCrossEntropy(labels, z);
  let H = hessian((p) => loss(predict(p)), x);
  const G = gaussNewton({ predict, loss }, x);
  // The first product also computes what all have in common.
  tf.dispose([H.apply(v), G.apply(v)]);
  const freed = (f: () => object) =>
    dispatchesOf(() => {
      const { value, gradient, ...rest } = { value: undefined, gradient: undefined, ...f() };
      tf.dispose([value ?? [], gradient ?? [], rest]);
    });
  const counts = {
    gradient: freed(() => valueAndGradient((p) => loss(predict(p)), x)),
    'recording its Hessian': dispatchesOf(() => {
      H.dispose();
      H = hessian((p) => loss(predict(p)), x);
    }),
    'Hessian product': 0,
    'Gauss–Newton product': freed(() => G.apply(v)),
  };
  tf.dispose(H.apply(v));
  counts['Hessian product'] = freed(() => H.apply(v));
  H.dispose();
  G.dispose();
  tf.dispose([input, labels, x, v]);
  return counts;
}

/** Counts the kernels that the GPU is given, with one for each chain of operations of entries and without. */
export async function printDispatches(): Promise<void> {
  const { device } = await useBackend('webgpu');
  console.log(`Kernels on ${device}, batch ${BATCH}: without fusion → with it`);
  for (const [name, model] of models) {
    process.env.IMPLICIT_COMPILE = '0';
    const before = counted(model);
    delete process.env.IMPLICIT_COMPILE;
    const after = counted(model);
    const rows = Object.entries(before).map(([what, n]) => `${what} ${n} → ${after[what]}`);
    console.log(`${name}: ${rows.join(', ')}`);
    // A software GPU fails where the queue is never waited for.
    const last = tf.square(tf.scalar(1));
    await last.data();
    last.dispose();
  }
}
