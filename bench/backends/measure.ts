import * as tf from '@tensorflow/tfjs';
import { useBackend } from '../../lib/backends';
import { cnn, gradient, mlp } from './models';
import { fastest } from './timing';

/** Ways to run wasm: as it comes; with repairs; with threads too; with the system's BLAS instead. */
export type Variant = 'stock' | 'repaired' | 'threads' | 'blas';

async function start(variant: Variant): Promise<void> {
  if (variant === 'stock') {
    await import('@tensorflow/tfjs-backend-wasm');
    await tf.setBackend('wasm');
    return;
  }
  const threads = variant === 'repaired' ? 1 : undefined;
  await useBackend('wasm', { threads, blas: variant === 'blas' });
}

/** The matrix products of the MLP's gradient alone: nothing can be faster but better products. */
function products(batch: number): () => void {
  const normal = (...shape: [number, number]) => tf.randomNormal(shape);
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

async function main(variant: Variant) {
  await start(variant);
  const times: Record<string, number> = {};
  for (const batch of [128, 512]) {
    const model = mlp(batch);
    times[`MLP 784-200-10, batch ${batch}: gradient`] = fastest(() => gradient(model));
    times[`  its matrix products alone, ${batch}`] = fastest(products(batch));
  }
  if (variant !== 'stock') {
    // Stock wasm has no derivative of a convolution for its filter.
    const model = cnn(32);
    times['CNN 8-16, batch 32: gradient'] = fastest(() => gradient(model));
  }
  const square = tf.randomNormal([512, 512]);
  times['512 × 512 times 512 × 512'] = fastest(() => tf.matMul(square, square).dispose());
  process.send!(times, () => process.exit());
}

main(process.argv[2] as Variant);
