import { memoryOf } from './assembly';
import type { Heap } from './heap';

/** A list of integers in the backend's memory: where it begins and ends, in bytes. */
export interface List {
  begin: number;
  end: number;
}

/** Lists that a backend keeps; a network has a few, each of some ten kilobytes. */
const kept = 64;

const ofBackends = new WeakMap<Heap, Map<string, List>>();

/**
 * The list of a name, made when it is first asked for; good until another one is.
 *
 * Writing it down may move the heap: views of tensors are to be taken afterwards.
 */
export function listOf(heap: Heap, name: string, make: () => number[]): List {
  const lists = ofBackends.get(heap) ?? new Map<string, List>();
  ofBackends.set(heap, lists);
  const known = lists.get(name);
  if (known !== undefined) return known;
  if (lists.size === kept) forgetOldest(heap, lists);
  const integers = make();
  const begin = heap.wasm._malloc(4 * integers.length);
  new Int32Array(memoryOf(heap).buffer, begin, integers.length).set(integers);
  const list = { begin, end: begin + 4 * integers.length };
  lists.set(name, list);
  return list;
}

function forgetOldest(heap: Heap, lists: Map<string, List>): void {
  for (const [name, { begin }] of lists) {
    heap.wasm._free(begin);
    lists.delete(name);
    return;
  }
}
