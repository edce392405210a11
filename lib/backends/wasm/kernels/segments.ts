import { type Call, replaceKernel } from '../../kernels/kernel';
import { isLong } from '../../kernels/long-products';
import { type Heap, zeros } from './heap';

type SegmentSum = Call<'x' | 'segmentIds', { numSegments: number }>;

/** Adds rows to the row that is named for each; rows with a negative or too large name are left out. */
function unsortedSegmentSum({ inputs: { x, segmentIds }, attrs, backend }: SegmentSum) {
  const heap = backend as Heap;
  const rest = x.shape.slice(segmentIds.shape.length);
  const width = rest.reduce((a, b) => a * b, 1);
  const out = zeros(heap, [attrs.numSegments, ...rest], x.dtype);
  const from = heap.typedArrayFromHeap(x);
  const result = heap.typedArrayFromHeap(out);
  // Many rows may go to one place: their sum in float32 would lose digits.
  const isExact = x.dtype !== 'float32' || !isLong(segmentIds.shape.reduce((a, b) => a * b, 1));
  const to = isExact ? result : new Float64Array(result.length);
  heap.typedArrayFromHeap(segmentIds).forEach((segment, row) => {
    if (segment < 0 || segment >= attrs.numSegments) return;
    for (let j = 0; j < width; j++) to[segment * width + j]! += from[row * width + j]!;
  });
  if (to !== result) result.set(to);
  return out;
}

/** The derivative of `gather`, which wasm has no kernel for. */
export const repairSegments = () => replaceKernel('UnsortedSegmentSum', 'wasm', unsortedSegmentSum);
