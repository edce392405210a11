import { floats } from '../backends/wasm/kernels/heap';
import { type NamedTensors, tensors } from '../spaces';
import { flatSpaceOn } from './flat';
import { heapForPrograms } from './traced';

/**
 * `⟨x, y⟩` as a number: where programs run by one call for each name, in which no tensor is made, else by operations.
 *
 * @throws UnsupportedError on a GPU, where a number has to be waited for.
 */
export function innerProduct(x: NamedTensors, y: NamedTensors): number {
  const names = Object.keys(x);
  if (names.length === 0) return 0;
  const heap = heapForPrograms();
  const isFloat = (name: string) => x[name]!.dtype === 'float32' && y[name]!.dtype === 'float32';
  if (heap === undefined || !names.every(isFloat)) {
    return tensors.tidy(() => tensors.readSync([tensors.dot(x, y)])[0]!);
  }
  const { dot } = flatSpaceOn(heap).loops;
  let sum = 0;
  for (const name of names) {
    const [left, right] = [x[name]!, y[name]!];
    sum += dot(left.size, floats(heap, left).byteOffset, floats(heap, right).byteOffset);
  }
  return sum;
}
