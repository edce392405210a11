import * as tf from '@tensorflow/tfjs';
import { kernelFunction, replaceKernel, reshaped } from './kernel';

type Info = tf.TensorInfo;

interface Attributes {
  transposeA: boolean;
  transposeB: boolean;
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/**
 * Products of batches of matrices that broadcast against each other, and of none.
 *
 * The stock kernels count matrices: they know batches of one shape, and one matrix for all. Of a
 * batch of shape [3, 1] times one of [1, 5] they compute 5 products, of none times one they compute
 * one.
 */
export function repairBatches(backendName: string): void {
  const stock = kernelFunction('BatchMatMul', backendName);
  replaceKernel<'a' | 'b', Attributes>('BatchMatMul', backendName, (call) => {
    const { inputs, attrs, backend } = call;
    const { a, b } = inputs;
    const [ofA, ofB] = [a, b].map(({ shape }) => shape.slice(0, -2)) as [number[], number[]];
    const multiply = (a: Info, b: Info) => stock({ ...call, inputs: { a, b } }) as Info;
    const [nA, nB] = [size(ofA), size(ofB)];
    if (tf.util.arraysEqual(ofA, ofB) || (nA * nB > 0 && Math.min(nA, nB) === 1)) {
      return multiply(a, b);
    }
    const batch = tf.backend_util.assertAndGetBroadcastShape(ofA, ofB);
    if (size(batch) === 0) {
      const rows = a.shape.at(attrs.transposeA ? -1 : -2)!;
      const columns = b.shape.at(attrs.transposeB ? -2 : -1)!;
      const shape = [...batch, rows, columns];
      const fill = kernelFunction('Fill', backendName);
      return fill({ inputs: {}, attrs: { shape, value: 0, dtype: a.dtype }, backend });
    }
    const wide = (x: Info, own: number[]) => {
      const axes = [...Array<number>(batch.length - own.length).fill(1), ...own];
      const reps = [...batch.map((n, axis) => (axes[axis] === n ? 1 : n)), 1, 1];
      const from = reshaped(x, [...axes, ...x.shape.slice(-2)]);
      const tile = kernelFunction('Tile', backendName);
      return tile({ inputs: { x: from }, attrs: { reps }, backend }) as Info;
    };
    const [left, right] = [wide(a, ofA), wide(b, ofB)];
    const product = multiply(left, right);
    for (const { dataId } of [left, right]) backend.disposeData(dataId);
    return product;
  });
}
