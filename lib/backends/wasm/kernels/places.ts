import type * as tf from '@tensorflow/tfjs';
import {
  add,
  addFloats,
  advance,
  assembled,
  type Code,
  constant,
  forEach,
  get,
  i32,
  loadFloat,
  loadInteger,
  set,
  shiftLeft,
  storeFloat,
} from './assembly';
import { floats, type Heap } from './heap';

/** Goes through places, from an address to another, in a tensor x, along with other numbers. */
type Walk = (places: number, end: number, x: number, others: number) => void;

const [PLACES, END, X, OTHERS, AT] = [0, 1, 2, 3, 4];

const walk = (move: number[]): Code => ({
  parameters: [i32, i32, i32, i32],
  locals: [i32],
  body: forEach(
    PLACES,
    END,
    [...get(X), ...get(PLACES), ...loadInteger(0), ...constant(2), ...shiftLeft, ...add],
    set(AT),
    move,
    advance(PLACES, constant(4)),
    advance(OTHERS, constant(4)),
  ),
});

const value = (address: number) => [...get(address), ...loadFloat];

const walks = {
  take: walk([...get(OTHERS), ...value(AT), ...storeFloat]),
  put: walk([...get(AT), ...value(AT), ...value(OTHERS), ...addFloats, ...storeFloat]),
};

const ofBackends = new WeakMap<Heap, Record<keyof typeof walks, Walk>>();

/** Makes a walk of x at flat places, along with the numbers of another tensor. */
const walking =
  (what: keyof typeof walks) =>
  (heap: Heap, x: tf.TensorInfo, places: tf.TensorInfo, others: tf.TensorInfo): void => {
    const known = ofBackends.get(heap) ?? (assembled(heap, walks) as Record<typeof what, Walk>);
    ofBackends.set(heap, known);
    const { byteOffset, byteLength } = heap.typedArrayFromHeap(places);
    const [at, along] = [x, others].map((each) => floats(heap, each).byteOffset);
    known[what](byteOffset, byteOffset + byteLength, at!, along!);
  };

/** Copies the numbers of x at places to the other tensor. */
export const take = walking('take');

/** Adds the numbers of the other tensor to x at places: the transpose of {@link take}. */
export const addAt = walking('put');
