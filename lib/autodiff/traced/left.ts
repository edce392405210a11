import type { Stretch } from '../../backends/wasm/fused/sequence';
import type { Heap } from '../../backends/wasm/kernels/heap';
import { type Pausing, portion } from '../../event-loop';

/** The run of a program that was left for a while, by its heap: what finishes it. */
const left = new WeakMap<Heap, () => void>();

/**
 * Finishes the run that was left, if there is one. All programs of a heap compute in the same memory,
 * so the next one may begin only then; the run gets its results as if nothing had happened.
 */
export function finishLeft(heap: Heap): void {
  left.get(heap)?.();
}

/**
 * Runs the parts of a program, and leaves it between them after some milliseconds.
 *
 * @param place tells the program where its tensors are, before its first part and after each pause:
 *   another backend may have had them in the meantime
 */
export function* inPortions(
  heap: Heap,
  parts: readonly Pick<Stretch, 'run'>[],
  place: () => void,
): Pausing<void> {
  let done = 0;
  let failure: { error: unknown } | undefined;
  const step = (i: number) => parts[i]!.run();
  const finish = () => {
    left.delete(heap);
    try {
      place();
      for (; done < parts.length; done++) step(done);
    } catch (error) {
      // Not the fault of what runs now.
      failure = { error };
      done = parts.length;
    }
  };
  while (done < parts.length) {
    place();
    done = portion(done, parts.length, step);
    if (done === parts.length) return;
    left.set(heap, finish);
    try {
      yield;
    } finally {
      if (left.get(heap) === finish) left.delete(heap);
    }
    if (failure !== undefined) throw failure.error;
  }
}
