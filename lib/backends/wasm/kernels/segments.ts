import { type Call, replaceKernel } from '../../kernels/kernel';
import { type Heap, zeros } from './heap';

type SegmentSum = Call<'x' | 'segmentIds', { numSegments: number }>;

/** Adds rows to the row that is named for each; rows with a negative or too large name are left out. */
function unsortedSegmentSum({ inputs: { x, segmentIds }, attrs, backend }: SegmentSum) {
  const heap = backend as Heap;
  const rest = x.shape.slice(segmentIds.shape.length);
  const width = rest.reduce((a, b) => a * b, 1);
  const out = zeros(heap, [attrs.numSegments, ...rest], x.dtype);
  const from = heap.typedArrayFromHeap(x);
  const to = heap.typedArrayFromHeap(out);
  heap.typedArrayFromHeap(segmentIds).forEach((segment, row) => {
    if (segment < 0 || segment >= attrs.numSegments) return;
    for (let j = 0; j < width; j++) to[segment * width + j]! += from[row * width + j]!;
  });
  return out;
}

/** The derivative of `gather`, which wasm has no kernel for. */
export const repairSegments = () => replaceKernel('UnsortedSegmentSum', 'wasm', unsortedSegmentSum);
