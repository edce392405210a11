import * as tf from '@tensorflow/tfjs';
import { type AnyCall, type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { entrywise } from './entrywise';
import type { Heap } from './heap';

type MultiplyAdd = Call<'a' | 'b' | 'addend', object>;

const sumOfProduct = entrywise({
  inputs: 3,
  lanes: 4,
  write: (f) => (load) => {
    load(0);
    load(1);
    f.do('f32x4.mul');
    load(2);
    f.do('f32x4.add');
  },
});

/**
 * Adds a kernel that the wasm backend does not have: `MultiplyAdd`, addend + a ⊙ b.
 *
 * It has no gradient: nothing that is recorded may use it.
 */
export function addMultiplyAdd(): void {
  // Looked up when they are needed: the kernels of that time know empty factors.
  const [multiply, add] = ['Multiply', 'Add'].map(
    (name) => (call: AnyCall) => kernelFunction(name, 'wasm')(call) as tf.TensorInfo,
  );
  replaceKernel('MultiplyAdd', 'wasm', ({ inputs, backend }: MultiplyAdd) => {
    const { a, b, addend } = inputs;
    const all = [a, b, addend];
    if (all.every(({ shape }) => tf.util.arraysEqual(shape, addend.shape))) {
      return sumOfProduct(backend as Heap, all, addend.shape);
    }
    const product = multiply!({ inputs: { a, b }, attrs: {}, backend });
    const sum = add!({ inputs: { a: product, b: addend }, attrs: {}, backend });
    backend.disposeData(product.dataId);
    return sum;
  });
}
