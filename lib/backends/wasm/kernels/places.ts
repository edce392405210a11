import type * as tf from '@tensorflow/tfjs';
import { FunctionBody, instantiated, type Local } from '../assembler';
import { floats, type Heap, memoryOf, perHeap } from './heap';

/**
 * Goes through the places from an address to another, in a tensor x, along with other numbers: `move`
 * is handed the address of the number of x, and that of the other number.
 */
function walk(
  name: string,
  move: (f: FunctionBody, at: Local, others: Local) => void,
): FunctionBody {
  const f = new FunctionBody(name, { parameters: ['i32', 'i32', 'i32', 'i32'], results: [] });
  const [places, end, x, others] = f.parameters;
  const at = f.local('i32');
  f.while(places, end, () => {
    f.get(x, places).memory('i32.load').i32(2).do('i32.shl', 'i32.add').set(at);
    move(f, at, others);
    f.advance(places, 4).advance(others, 4);
  });
  return f;
}

const gather = () =>
  walk('gather', (f, at, others) => f.get(others, at).memory('f32.load').memory('f32.store'));

const scatterAdd = () =>
  walk('scatterAdd', (f, at, others) => {
    f.get(at, at).memory('f32.load').get(others).memory('f32.load');
    f.do('f32.add').memory('f32.store');
  });

const walksOn = perHeap((heap) => instantiated(memoryOf(heap), [gather(), scatterAdd()], []));

/** Makes a walk of x at flat places, along with the numbers of another tensor. */
const walking =
  (what: 'gather' | 'scatterAdd') =>
  (heap: Heap, x: tf.TensorInfo, places: tf.TensorInfo, others: tf.TensorInfo): void => {
    // A pool over an image without pixels has windows in its margin, but no place in the image.
    if (floats(heap, x).length === 0) {
      if (what === 'gather') floats(heap, others).fill(0);
      return;
    }
    const run = walksOn(heap)[what]!;
    const { byteOffset, byteLength } = heap.typedArrayFromHeap(places);
    const [at, along] = [x, others].map((each) => floats(heap, each).byteOffset);
    run(byteOffset, byteOffset + byteLength, at!, along!);
  };

/** Copies the numbers of x at places to the other tensor. */
export const take = walking('gather');

/** Adds the numbers of the other tensor to x at places: the transpose of {@link take}. */
export const addAt = walking('scatterAdd');
