import { type Heap, memoryOf, perHeap } from './heap';

/** A list of integers in the backend's memory: where it begins and ends, in bytes. */
export interface List {
  begin: number;
  end: number;
}

/** Lists that a backend keeps; a network has a few, each of some ten kilobytes. */
const kept = 64;

const listsOn = perHeap(() => new Map<string, List>());

/**
 * The list of a name, made when it is first asked for; those asked for last are kept.
 *
 * Writing it down may move the heap: views of tensors are to be taken afterwards.
 */
export function listOf(heap: Heap, name: string, make: () => number[]): List {
  const lists = listsOn(heap);
  const list = lists.get(name) ?? written(heap, make());
  // The last in a map is the newest.
  lists.delete(name);
  lists.set(name, list);
  if (lists.size > kept) forgetOldest(heap, lists);
  return list;
}

function written(heap: Heap, integers: number[]): List {
  const begin = heap.wasm._malloc(4 * integers.length);
  new Int32Array(memoryOf(heap).buffer, begin, integers.length).set(integers);
  return { begin, end: begin + 4 * integers.length };
}

function forgetOldest(heap: Heap, lists: Map<string, List>): void {
  for (const [name, { begin }] of lists) {
    heap.wasm._free(begin);
    lists.delete(name);
    return;
  }
}
