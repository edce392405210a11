import { type Call, kernelFunction, replaceKernel } from '../../kernels/kernel';
import type { Heap } from './heap';

type Tile = Call<'x', { reps: number[] }>;
type Numbers = ReturnType<Heap['typedArrayFromHeap']>;

/**
 * Repeats a tensor along its axes, block by block.
 *
 * The stock kernel works out the origin of each element by itself, which takes about 100 ns an
 * element; the broadcast factor of a diagonal or a bias is made of this.
 */
export function repairTiles(): void {
  const stock = kernelFunction('Tile', 'wasm');
  replaceKernel('Tile', 'wasm', (call: Tile) => {
    const { inputs, attrs, backend } = call;
    const { x } = inputs;
    if (x.dtype === 'string' || attrs.reps.length !== x.shape.length) {
      return stock(call);
    }
    const heap = backend as Heap;
    const out = heap.makeOutput(
      x.shape.map((size, axis) => size * attrs.reps[axis]!),
      x.dtype,
    );
    repeat(heap.typedArrayFromHeap(x), heap.typedArrayFromHeap(out), x.shape, attrs.reps);
    return out;
  });
}

/** From the last axis to the first, each block is written as often as its axis is repeated. */
function repeat(from: Numbers, to: Numbers, shape: number[], reps: number[]): void {
  if (to.length === 0) return;
  let source: Numbers = from;
  let inner = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const block = shape[axis]! * inner;
    const times = reps[axis]!;
    inner = block * times;
    if (times === 1) continue;
    const blocks = block === 0 ? 0 : source.length / block;
    const target = to.slice(0, blocks * inner);
    for (let b = 0; b < blocks; b++) {
      if (block === 1) {
        target.fill(source[b]!, b * times, (b + 1) * times);
      } else {
        const one = source.subarray(b * block, (b + 1) * block);
        for (let k = 0; k < times; k++) target.set(one, b * inner + k * block);
      }
    }
    source = target;
  }
  to.set(source);
}
