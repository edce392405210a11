import { FunctionBody, instantiated, type Local } from '../assembler';
import { type Heap, memoryOf, perHeap } from './heap';
import { listOf } from './lists';

/**
 * Runs of neighbouring numbers, moved within the backend's memory by a WebAssembly module of our own.
 *
 * A convolution's derivatives are matrix products of what the filter's window saw, and laying that
 * out number by number in JavaScript takes longer than the products.
 */

/** All addresses and strides are in bytes; a stride leads from one image to the next. */
type Move = (
  runs: number,
  end: number,
  from: number,
  to: number,
  images: number,
  fromStride: number,
  toStride: number,
) => void;

interface Mover {
  /** Copies each run from the image to the table. */
  gather: Move;
  /** Adds each run of the table to the image. */
  scatter: Move;
}

const RUN_BYTES = 12;

/**
 * Moves the runs of all images; the fields of a run are where its numbers come from and go to.
 *
 * A run of four numbers or more is moved four at a time; the last four may overlap those before, and
 * are computed first, so that no number is added twice.
 */
function moving(name: string, sourceField: number, targetField: number, adds: boolean) {
  const f = new FunctionBody(name, {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32', 'i32'],
    results: [],
  });
  const [runs, end, from, to, images, fromStride, toStride] = f.parameters;
  const [run, source, target, length] = f.locals('i32', 'i32', 'i32', 'i32');
  const [done, lastSource, lastTarget, lastFour] = f.locals('i32', 'i32', 'i32', 'v128');
  const fours = { load: 'v128.load', store: 'v128.store', sum: 'f32x4.add' } as const;
  const ones = { load: 'f32.load', store: 'f32.store', sum: 'f32.add' } as const;
  type Width = typeof fours | typeof ones;

  /** What is found at an address, perhaps added to what is at another. */
  const moved = (at: Local, to: Local, { load, sum }: Width) => {
    if (!adds) return f.get(at).memory(load);
    return f.get(to).memory(load).get(at).memory(load).do(sum);
  };
  /** Moves some bytes at a time until `source` reaches `lastSource`. */
  const moveUntilLast = (bytes: number, width: Width) =>
    f.while(source, lastSource, () => {
      f.get(target);
      moved(source, target, width).memory(width.store);
      f.advance(source, bytes).advance(target, bytes);
    });
  const oneByOne = () => {
    f.get(source, length).do('i32.add').set(lastSource);
    moveUntilLast(4, ones);
  };
  const inFours = () => {
    f.get(source, length).do('i32.add').i32(-16).do('i32.add').set(lastSource);
    f.get(target, length).do('i32.add').i32(-16).do('i32.add').set(lastTarget);
    moved(lastSource, lastTarget, fours).set(lastFour);
    moveUntilLast(16, fours);
    f.get(lastTarget, lastFour).memory('v128.store');
  };
  return f.while(done, images, () => {
    f.get(runs).set(run);
    f.while(run, end, () => {
      f.get(from, run).memory('i32.load', sourceField).do('i32.add').set(source);
      f.get(to, run).memory('i32.load', targetField).do('i32.add').set(target);
      f.get(run).memory('i32.load', 8).set(length);
      f.get(length).i32(16).do('i32.lt_s').if(oneByOne, inFours);
      f.advance(run, RUN_BYTES);
    });
    f.advance(from, fromStride).advance(to, toStride).advance(done, 1);
  });
}

const moverOn = perHeap((heap): Mover => {
  const bodies = [moving('gather', 4, 0, false), moving('scatter', 0, 4, true)];
  const { gather, scatter } = instantiated(memoryOf(heap), bodies, []);
  return { gather: gather!, scatter: scatter! };
});

/** Where the runs of one image are: numbers of the table, of the image, and how many. */
export type Visit = (table: number, image: number, count: number) => void;

/** An arrangement of runs, the same for every image, and its name. */
export interface Arrangement {
  name: string;
  each(visit: Visit): void;
}

/** Moves numbers between images and their tables, which are stored one after the other. */
export interface Runs {
  /** Copies the runs of each image into its table. */
  gather(images: Float32Array, tables: Float32Array, count: number): void;
  /** Adds the runs of each table to its image: the transpose of `gather`. */
  scatter(tables: Float32Array, images: Float32Array, count: number): void;
}

/** The runs of one image, three integers each, in bytes. */
function written({ each }: Arrangement): number[] {
  const integers: number[] = [];
  each((table, image, count) => {
    if (count > 0) integers.push(4 * table, 4 * image, 4 * count);
  });
  return integers;
}

/**
 * The runs of an arrangement, good while few others are asked for.
 *
 * Writing them down may move the heap: views of tensors are to be taken afterwards.
 */
export function runsOn(heap: Heap, by: Arrangement): Runs {
  const mover = moverOn(heap);
  const { begin, end } = listOf(heap, `runs ${by.name}`, () => written(by));
  const move = (what: keyof Mover) => (from: Float32Array, to: Float32Array, images: number) =>
    mover[what](
      begin,
      end,
      from.byteOffset,
      to.byteOffset,
      images,
      from.byteLength / images,
      to.byteLength / images,
    );
  return { gather: move('gather'), scatter: move('scatter') };
}
