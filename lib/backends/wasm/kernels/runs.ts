import {
  add,
  addFloats,
  addFours,
  advance,
  assembled,
  type Code,
  choose,
  constant,
  forEach,
  get,
  i32,
  isLess,
  loadFloat,
  loadFour,
  loadInteger,
  set,
  storeFloat,
  storeFour,
  v128,
} from './assembly';
import type { Heap } from './heap';
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

const [RUNS, END, FROM, TO, IMAGES, FROM_STRIDE, TO_STRIDE] = [0, 1, 2, 3, 4, 5, 6];
const [RUN, SOURCE, TARGET, LENGTH, DONE] = [7, 8, 9, 10, 11];
const [LAST_SOURCE, LAST_TARGET, LAST_FOUR] = [12, 13, 14];
const RUN_BYTES = 12;

/** Sets a local to the sum of some numbers. */
const setSum = (local: number, first: number[], ...others: number[][]) => [
  ...first,
  ...others.flatMap((other) => [...other, ...add]),
  ...set(local),
];

/** What is to be stored at an address: what is found at another, perhaps added to what is there. */
const moved = (source: number, target: number, load: number[], sum: number[] | undefined) =>
  sum ? [...get(target), ...load, ...get(source), ...load, ...sum] : [...get(source), ...load];

/** Moves some bytes at a time until SOURCE reaches a local. */
const moveUntil = (until: number, bytes: number, value: number[], store: number[]) =>
  forEach(
    SOURCE,
    until,
    [...get(TARGET), ...value, ...store],
    advance(SOURCE, constant(bytes)),
    advance(TARGET, constant(bytes)),
  );

/**
 * Moves a run of four numbers or more, four at a time; the last four may overlap those before.
 *
 * They are computed first, so that no number is added twice.
 */
const inFours = (sum: number[] | undefined) => [
  ...setSum(LAST_SOURCE, get(SOURCE), get(LENGTH), constant(-16)),
  ...setSum(LAST_TARGET, get(TARGET), get(LENGTH), constant(-16)),
  ...[...moved(LAST_SOURCE, LAST_TARGET, loadFour(), sum), ...set(LAST_FOUR)],
  ...moveUntil(LAST_SOURCE, 16, moved(SOURCE, TARGET, loadFour(), sum), storeFour()),
  ...[...get(LAST_TARGET), ...get(LAST_FOUR), ...storeFour()],
];

const oneByOne = (sum: number[] | undefined) => [
  ...setSum(LAST_SOURCE, get(SOURCE), get(LENGTH)),
  ...moveUntil(LAST_SOURCE, 4, moved(SOURCE, TARGET, loadFloat, sum), storeFloat),
];

/** Moves the runs of all images; the fields of a run are where its numbers come from and go to. */
function moving(sourceField: number, targetField: number, adds: boolean): Code {
  const body = forEach(
    DONE,
    IMAGES,
    [...get(RUNS), ...set(RUN)],
    forEach(
      RUN,
      END,
      setSum(SOURCE, get(FROM), [...get(RUN), ...loadInteger(sourceField)]),
      setSum(TARGET, get(TO), [...get(RUN), ...loadInteger(targetField)]),
      [...get(RUN), ...loadInteger(8), ...set(LENGTH)],
      choose(
        [...get(LENGTH), ...constant(16), ...isLess],
        oneByOne(adds ? addFloats : undefined),
        inFours(adds ? addFours : undefined),
      ),
      advance(RUN, constant(RUN_BYTES)),
    ),
    advance(FROM, get(FROM_STRIDE)),
    advance(TO, get(TO_STRIDE)),
    advance(DONE, constant(1)),
  );
  return {
    parameters: [i32, i32, i32, i32, i32, i32, i32],
    locals: [i32, i32, i32, i32, i32, i32, i32, v128],
    body,
  };
}

const moves = { gather: moving(4, 0, false), scatter: moving(0, 4, true) };

/** Where the runs of one image lie: numbers of the table, of the image, and how many. */
export type Visit = (table: number, image: number, count: number) => void;

/** An arrangement of runs, the same for every image, and its name. */
export interface Arrangement {
  name: string;
  each(visit: Visit): void;
}

/** Moves numbers between images and their tables, which lie one after the other. */
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

const ofBackends = new WeakMap<Heap, Mover>();

function moverOn(heap: Heap): Mover {
  const known = ofBackends.get(heap) ?? (assembled(heap, moves) as unknown as Mover);
  ofBackends.set(heap, known);
  return known;
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
