import * as tf from '@tensorflow/tfjs';
import { useBackend } from '../../lib/backends';
import { addKernel, type Call } from '../../lib/backends/kernels/kernel';
import { cnn, rnn } from '../../lib/models';
import { gradient, mlp, onImages } from './models';
import { fastest } from './timing';

/** Ways to run wasm: as it comes; with repairs; with threads too; with the system's BLAS instead. */
export type Variant = 'stock' | 'repaired' | 'threads' | 'blas';

async function start(variant: Variant): Promise<void> {
  if (variant === 'stock') {
    await import('@tensorflow/tfjs-backend-wasm');
    await tf.setBackend('wasm');
    return;
  }
  const one = variant === 'repaired' ? { threads: 1 } : {};
  await useBackend('wasm', { ...one, blas: variant === 'blas' });
}

const normal = (...shape: [number, number]) => tf.randomNormal(shape);

/** The matrix products of the MLP's gradient alone: nothing can be faster but better products. */
function products(batch: number): () => void {
  const [x, w1, h, w2, z] = [
    normal(batch, 784),
    normal(784, 200),
    normal(batch, 200),
    normal(200, 10),
    normal(batch, 10),
  ];
  return () =>
    tf.tidy(() => {
      tf.matMul(x, w1);
      tf.matMul(h, w2);
      tf.matMul(z, w2, false, true);
      tf.matMul(h, z, true);
      tf.matMul(x, h, true);
    });
}

/** Those of the CNN's: what the windows see is taken as laid out. */
function cnnProducts(batch: number): () => void {
  const [rows1, rows2] = [28 * 28 * batch, 14 * 14 * batch];
  const [seen1, k1, y1] = [normal(rows1, 25), normal(25, 8), normal(rows1, 8)];
  const [seen2, k2, y2] = [normal(rows2, 200), normal(200, 16), normal(rows2, 16)];
  const [features, w, z] = [normal(batch, 784), normal(784, 10), normal(batch, 10)];
  return () =>
    tf.tidy(() => {
      for (const [seen, filter, y] of [
        [seen1, k1, y1],
        [seen2, k2, y2],
        [features, w, z],
      ] as const) {
        tf.matMul(seen, filter);
        tf.matMul(seen, y, true);
      }
      tf.matMul(y2, k2, false, true);
      tf.matMul(z, w, false, true);
    });
}

/** Those of the recurrent network's: 28 steps of 64 hidden units. */
function rnnProducts(batch: number): () => void {
  const [rows, U, driven] = [normal(28 * batch, 28), normal(28, 64), normal(28 * batch, 64)];
  const [h, W, V, z] = [normal(batch, 64), normal(64, 64), normal(64, 10), normal(batch, 10)];
  return () =>
    tf.tidy(() => {
      tf.matMul(rows, U);
      tf.matMul(rows, driven, true);
      for (let step = 1; step < 28; step++) {
        tf.matMul(h, W);
        tf.matMul(h, W, false, true);
        tf.matMul(h, h, true);
      }
      tf.matMul(h, V);
      tf.matMul(h, z, true);
      tf.matMul(z, V, false, true);
    });
}

/**
 * Gives stock wasm the derivative of a convolution for its filter, which it lacks, by what it has:
 * the convolution of x with dy, where images and channels have changed places.
 */
function addFilterDerivative(): void {
  const kernelFunc = ({ inputs, attrs }: Call<'x' | 'dy', object>) => {
    const { x, dy } = inputs as Record<'x' | 'dy', tf.Tensor4D>;
    const { filterShape } = attrs as { filterShape: number[] };
    const margin = (filterShape[0]! - 1) / 2;
    return tf.tidy(() => {
      const [images, filter] = [tf.transpose(x, [3, 1, 2, 0]), tf.transpose(dy, [1, 2, 0, 3])];
      return tf.transpose(tf.conv2d(images, filter, 1, margin), [1, 2, 0, 3]);
    });
  };
  addKernel('Conv2DBackpropFilter', 'wasm', kernelFunc);
}

async function main(variant: Variant) {
  await start(variant);
  const times: Record<string, number> = {};
  for (const batch of [128, 512]) {
    const model = mlp(batch);
    times[`MLP 784-200-10, batch ${batch}: gradient`] = fastest(() => gradient(model));
    times[`  its matrix products alone, ${batch}`] = fastest(products(batch));
  }
  if (variant === 'stock') addFilterDerivative();
  const images = onImages(cnn({ filters: [8, 16] }), 32);
  times['CNN 8-16, batch 32: gradient'] = fastest(() => gradient(images));
  times['  its matrix products alone'] = fastest(cnnProducts(32));
  const byRows = onImages(rnn(), 128);
  times['RNN 28 steps, batch 128: gradient'] = fastest(() => gradient(byRows));
  times['  its 84 matrix products alone'] = fastest(rnnProducts(128));
  const square = tf.randomNormal([512, 512]);
  times['512 × 512 times 512 × 512'] = fastest(() => tf.matMul(square, square).dispose());
  process.send!(times, () => process.exit());
}

main(process.argv[2] as Variant);
