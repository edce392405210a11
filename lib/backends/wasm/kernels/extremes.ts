import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import { type Entrywise, entrywise, ofTwo } from './entrywise';
import type { Heap } from './heap';

type Two = Call<'a' | 'b', object>;

const clip = entrywise({
  inputs: 1,
  numbers: 2,
  lanes: 4,
  write(f, [least, most]) {
    const [low, high] = f.locals('v128', 'v128');
    f.get(least!).do('f32x4.splat').set(low);
    f.get(most!).do('f32x4.splat').set(high);
    return (load) => {
      load(0);
      f.get(high).do('f32x4.min').get(low).do('f32x4.max');
    };
  },
});

const positivePart = entrywise({
  inputs: 1,
  lanes: 4,
  write(f) {
    const zero = f.local('v128');
    f.f32x4(0).set(zero);
    return (load) => {
      load(0);
      f.get(zero).do('f32x4.max');
    };
  },
});

/** Repeats a tensor along the axes that another shape has more of. */
function broadcast(backend: tf.KernelBackend, x: tf.TensorInfo, shape: number[]): tf.TensorInfo {
  const own = [...Array<number>(shape.length - x.shape.length).fill(1), ...x.shape];
  const reps = shape.map((n, axis) => (own[axis] === n ? 1 : n));
  const inputs = { x: { ...x, shape: own } };
  return kernelFunction('Tile', 'wasm')({ inputs, attrs: { reps }, backend }) as tf.TensorInfo;
}

function repair(kernelName: 'Maximum' | 'Minimum', compute: Entrywise): void {
  const stock = kernelFunction(kernelName, 'wasm');
  replaceKernel(kernelName, 'wasm', (call: Two) => {
    const { a, b } = call.inputs;
    if (a.dtype !== 'float32' || b.dtype !== 'float32') {
      return stock(call);
    }
    const { backend } = call;
    const shape = tf.backend_util.assertAndGetBroadcastShape(a.shape, b.shape);
    const whole = [a, b].map((x) =>
      tf.util.arraysEqual(x.shape, shape) ? x : broadcast(backend, x, shape),
    );
    const out = compute(backend as Heap, whole, shape);
    whole.forEach((x, i) => {
      if (x !== [a, b][i]) backend.disposeData(x.dataId);
    });
    return out;
  });
}

/**
 * `Maximum`, `Minimum`, `ClipByValue`, `Relu` and `Relu6` of NaN.
 *
 * The stock kernels take a NaN for a bound; `Relu` goes by the sign of its bits, which a processor
 * sets where it computes one, so that 0 · ∞ was silently 0.
 */
export function repairExtremes(): void {
  repair('Maximum', ofTwo('f32x4.max'));
  repair('Minimum', ofTwo('f32x4.min'));
  const stock = kernelFunction('ClipByValue', 'wasm');
  type Clip = Call<'x', { clipValueMin: number; clipValueMax: number }>;
  replaceKernel('ClipByValue', 'wasm', (call: Clip) => {
    const { x } = call.inputs;
    const { clipValueMin, clipValueMax } = call.attrs;
    if (x.dtype !== 'float32') return stock(call);
    return clip(call.backend as Heap, [x], x.shape, [clipValueMin, clipValueMax]);
  });
  const relu = kernelFunction('Relu', 'wasm');
  replaceKernel('Relu', 'wasm', (call: Call<'x', object>) => {
    const { x } = call.inputs;
    if (x.dtype !== 'float32') return relu(call);
    return positivePart(call.backend as Heap, [x], x.shape);
  });
  const relu6 = kernelFunction('Relu6', 'wasm');
  replaceKernel('Relu6', 'wasm', (call: Call<'x', object>) => {
    const { x } = call.inputs;
    if (x.dtype !== 'float32') return relu6(call);
    return clip(call.backend as Heap, [x], x.shape, [0, 6]);
  });
}
