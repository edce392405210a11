import {
  add,
  addDoubles,
  addFloats,
  addFours,
  advance,
  and,
  assembled,
  type Code,
  choose,
  constant,
  demote,
  doubleConstant,
  f64,
  forEach,
  get,
  i32,
  isLessUnsigned,
  lane,
  loadFour,
  loadOne,
  promote,
  select,
  set,
  storeFloat,
  storeFour,
  storeOne,
  v128,
} from '../kernels/assembly';
import type { Heap } from '../kernels/heap';
import { type Expression, emitted, wordOf } from './expression';
import { four, most } from './functions';

/**
 * How an input goes with the rows and columns that a loop runs over: an entry for each place, for
 * each column, for each row, or one for all.
 */
export type Pattern = 'place' | 'column' | 'row' | 'all';

/** What becomes of the value at each place. */
export type Into = 'places' | 'sum' | 'row sums' | 'row maxima' | 'column sums';

/** One loop over rows and columns. */
export interface Loop {
  expression: Expression;
  patterns: readonly Pattern[];
  into: Into;
}

/** Runs a loop; addresses in bytes. */
export type RunLoop = (out: number, rows: number, columns: number, ...inputs: number[]) => void;

const loadSplat = [0xfd, 0x09, 2, 0];
const [OUT, ROWS, COLUMNS, INPUT] = [0, 1, 2, 3];
/** Bytes of a row that are summed in float32; their sums are added in float64. */
const BLOCK = 1024;

const ofHeaps = new WeakMap<Heap, Map<string, RunLoop>>();

/** The function of a loop, which is made once for all programs. */
export function loopOn(heap: Heap, loop: Loop): RunLoop {
  const key = keyOf(loop);
  const known = knownOn(heap);
  if (!known.has(key)) makeLoops(heap, [loop]);
  return known.get(key)!;
}

/** Some browsers compile no more than 4 KB without waiting; a module has some bytes beside its code. */
const MOST_BYTES = 3600;

/** Makes those of some loops that are not known yet, several in a module: each module costs a wait. */
export function makeLoops(heap: Heap, loops: readonly Loop[]): void {
  const known = knownOn(heap);
  const missing = new Map(loops.map((loop) => [keyOf(loop), loop]));
  for (const key of known.keys()) missing.delete(key);
  let batch: [key: string, code: Code][] = [];
  let bytes = 0;
  const finish = () => {
    if (batch.length === 0) return;
    const made = assembled(heap, Object.fromEntries(batch.map(([, code], i) => [`f${i}`, code])));
    batch.forEach(([key], i) => {
      known.set(key, made[`f${i}`] as RunLoop);
    });
    batch = [];
    bytes = 0;
  };
  for (const [key, loop] of missing) {
    const code = codeOf(loop);
    const size = code.body.length + 2 * code.locals.length + 40;
    if (bytes + size > MOST_BYTES) finish();
    batch.push([key, code]);
    bytes += size;
  }
  finish();
}

function knownOn(heap: Heap): Map<string, RunLoop> {
  const known = ofHeaps.get(heap) ?? new Map<string, RunLoop>();
  ofHeaps.set(heap, known);
  return known;
}

const keyOf = ({ into, patterns, expression }: Loop) =>
  `${into} ${patterns.join()} ${wordOf(expression)}`;

function codeOf({ expression, patterns, into }: Loop): Code {
  const locals: (typeof i32 | typeof v128 | typeof f64)[] = [];
  const parameters = [i32, i32, i32, ...patterns.map(() => i32)] as (typeof i32)[];
  const newLocal = (type: typeof i32 | typeof v128 | typeof f64) =>
    parameters.length + locals.push(type) - 1;
  const pointer = (i: number) => INPUT + i;
  /** Where an input is read in the row: its own pointer, or one that begins anew with each row. */
  const inRow = patterns.map((pattern, i) => (pattern === 'column' ? newLocal(i32) : pointer(i)));
  const splat = patterns.map(() => newLocal(v128));
  const [row, at, whole, stop] = [newLocal(i32), newLocal(i32), newLocal(i32), newLocal(i32)];
  const total = newLocal(f64);
  const sum = newLocal(v128);

  const width = {
    4: { load: loadFour(), store: storeFour() },
    1: { load: loadOne(), store: storeOne() },
  };
  /** The locals of one evaluation serve the next one too. */
  const pool: number[] = [];
  const value = (lanes: 1 | 4) => {
    let used = 0;
    const local = () => {
      if (used === pool.length) pool.push(newLocal(v128));
      return pool[used++]!;
    };
    const load = (i: number) =>
      patterns[i] === 'place' || patterns[i] === 'column'
        ? [...get(inRow[i]!), ...width[lanes].load]
        : get(splat[i]!);
    return emitted(expression, load, local);
  };
  const moving = patterns.flatMap((pattern, i) =>
    pattern === 'place' || pattern === 'column' ? [inRow[i]!] : [],
  );
  const along = (until: number, lanes: 1 | 4, ...body: number[][]) =>
    forEach(
      at,
      until,
      ...body,
      ...[at, ...moving].map((local) => advance(local, constant(4 * lanes))),
    );

  const prepareRow = [
    ...patterns.flatMap((pattern, i) => {
      if (pattern === 'column') return [...get(pointer(i)), ...set(inRow[i]!)];
      if (pattern !== 'row') return [];
      return [
        ...[...get(pointer(i)), ...loadSplat, ...set(splat[i]!)],
        ...advance(pointer(i), constant(4)),
      ];
    }),
    ...[...constant(0), ...set(at), ...get(COLUMNS), ...constant(-16), ...and, ...set(whole)],
  ];
  const outAt = [...get(OUT), ...get(at), ...add];
  const addLanes = [
    ...get(total),
    ...[0, 1, 2, 3].flatMap((i) => [...get(sum), ...lane(i), ...promote, ...addDoubles]),
    ...set(total),
  ];
  const clearTotal = [...doubleConstant(0), ...set(total)];
  const storeTotal = [...get(OUT), ...get(total), ...demote, ...storeFloat];
  const sumRow = [
    ...forEach(
      at,
      whole,
      [...get(at), ...constant(BLOCK), ...add, ...get(whole)],
      [
        ...get(at),
        ...constant(BLOCK),
        ...add,
        ...get(whole),
        ...isLessUnsigned,
        ...select,
        ...set(stop),
      ],
      [...four(0), ...set(sum)],
      along(stop, 4, value(4), [...get(sum), ...addFours, ...set(sum)]),
      addLanes,
    ),
    ...along(COLUMNS, 1, value(1), [
      ...lane(0),
      ...promote,
      ...get(total),
      ...addDoubles,
      ...set(total),
    ]),
  ];
  const rows: Record<Into, number[]> = {
    places: [
      ...along(whole, 4, outAt, value(4), width[4].store),
      ...along(COLUMNS, 1, outAt, value(1), width[1].store),
      ...advance(OUT, get(COLUMNS)),
    ],
    sum: sumRow,
    'row sums': [...clearTotal, ...sumRow, ...storeTotal, ...advance(OUT, constant(4))],
    'row maxima': [
      ...[...four(Number.NEGATIVE_INFINITY), ...set(sum)],
      ...along(whole, 4, value(4), [...get(sum), ...most, ...set(sum)]),
      ...along(COLUMNS, 1, [
        ...value(1),
        ...lane(0),
        0xfd,
        0x13,
        ...get(sum),
        ...most,
        ...set(sum),
      ]),
      ...get(OUT),
      ...[...get(sum), ...lane(0), ...get(sum), ...lane(1), 0x97],
      ...[...get(sum), ...lane(2), 0x97, ...get(sum), ...lane(3), 0x97],
      ...storeFloat,
      ...advance(OUT, constant(4)),
    ],
    'column sums': [
      ...along(whole, 4, outAt, outAt, width[4].load, value(4), addFours, width[4].store),
      ...along(COLUMNS, 1, outAt, outAt, width[1].load, value(1), addFours, width[1].store),
    ],
  };
  const zero = [
    ...[...constant(0), ...set(at), ...get(COLUMNS), ...constant(-16), ...and, ...set(whole)],
    ...forEach(at, whole, outAt, four(0), width[4].store, advance(at, constant(16))),
    ...forEach(at, COLUMNS, outAt, four(0), width[1].store, advance(at, constant(4))),
  ];
  const groups = isCheap(expression)
    ? groupsOf({ expression, patterns, into }, { newLocal, splat, at, whole, row })
    : [];
  const body = [
    ...patterns.flatMap((pattern, i) =>
      pattern === 'all' ? [...get(pointer(i)), ...loadSplat, ...set(splat[i]!)] : [],
    ),
    ...(into === 'column sums' ? zero : []),
    ...groups,
    ...forEach(row, ROWS, prepareRow, rows[into], advance(row, constant(1))),
    ...(into === 'sum' ? storeTotal : []),
  ];
  return { parameters, locals, body };
}

const CHEAP: readonly string[] = [
  ...['add', 'subtract', 'multiply', 'divide', 'minimum', 'maximum', 'absolute', 'negate', 'root'],
  ...['equal', 'differ', 'less', 'greater', 'atMost', 'atLeast', 'choose'],
];
const MOST_NODES = 8;

/** Whether an expression takes so few instructions that loops over several rows at once pay. */
function isCheap(expression: Expression): boolean {
  let nodes = 0;
  const visit = (each: Expression): boolean => {
    if (each.kind !== 'apply') return true;
    return ++nodes <= MOST_NODES && CHEAP.includes(each.name) && each.of.every(visit);
  };
  return visit(expression);
}

interface Shared {
  newLocal(type: typeof i32 | typeof v128): number;
  /** What inputs with one entry for all are. */
  splat: readonly number[];
  at: number;
  whole: number;
  row: number;
}

/** So many rows are summed at once. */
const GROUP = 4;
const GROUP_ROWS = [0, 1, 2, 3];

/**
 * The sums of rows and columns in whole groups of rows: what is read of the columns is read once for a
 * group, and the additions of one row do not wait for those of another. The rest of the rows is left.
 */
function groupsOf(
  { expression, patterns, into }: Loop,
  { newLocal, splat, at, whole, row }: Shared,
): number[] {
  if (into !== 'row sums' && into !== 'column sums') return [];
  const indices = patterns.map((_, i) => i);
  const having = (pattern: Pattern) => indices.filter((i) => patterns[i] === pattern);
  const ofRows = patterns.map(() => GROUP_ROWS.map(() => 0));
  for (const i of having('place')) ofRows[i] = GROUP_ROWS.map(() => newLocal(i32));
  for (const i of having('row')) ofRows[i] = GROUP_ROWS.map(() => newLocal(v128));
  const ofColumn = patterns.map((pattern) => (pattern === 'column' ? newLocal(v128) : 0));
  const end = newLocal(i32);
  const pool: number[] = [];
  const loads = { 4: loadFour(), 1: loadOne() };
  const value = (lanes: 1 | 4, r: number) => {
    let used = 0;
    const local = () => {
      if (used === pool.length) pool.push(newLocal(v128));
      return pool[used++]!;
    };
    const load = (i: number) => {
      if (patterns[i] === 'place')
        return [...get(ofRows[i]![r]!), ...get(at), ...add, ...loads[lanes]];
      if (patterns[i] === 'row') return get(ofRows[i]![r]!);
      return get(patterns[i] === 'column' ? ofColumn[i]! : splat[i]!);
    };
    return emitted(expression, load, local);
  };
  const along = (until: number, lanes: 1 | 4, body: number[]) =>
    forEach(
      at,
      until,
      having('column').flatMap((i) => [
        ...[...get(INPUT + i), ...get(at), ...add, ...loads[lanes]],
        ...set(ofColumn[i]!),
      ]),
      body,
      advance(at, constant(4 * lanes)),
    );
  const prepare = [
    ...having('place').flatMap((i) =>
      GROUP_ROWS.flatMap((r) => [
        ...(r === 0 ? get(INPUT + i) : [...get(ofRows[i]![r - 1]!), ...get(COLUMNS), ...add]),
        ...set(ofRows[i]![r]!),
      ]),
    ),
    ...having('row').flatMap((i) =>
      GROUP_ROWS.flatMap((r) => [
        ...[...get(INPUT + i), 0xfd, 0x09, 2, 4 * r],
        ...set(ofRows[i]![r]!),
      ]),
    ),
    ...[...constant(0), ...set(at), ...get(COLUMNS), ...constant(-16), ...and, ...set(whole)],
  ];
  const moved = [
    ...having('place').flatMap((i) => [
      ...[...get(ofRows[i]![GROUP - 1]!), ...get(COLUMNS), ...add],
      ...set(INPUT + i),
    ]),
    ...having('row').flatMap((i) => advance(INPUT + i, constant(4 * GROUP))),
    ...advance(row, constant(GROUP)),
  ];
  const outAt = [...get(OUT), ...get(at), ...add];
  const columnSums = (lanes: 1 | 4) => [
    ...[...outAt, ...outAt, ...loads[lanes]],
    ...GROUP_ROWS.flatMap((r) => [...value(lanes, r), ...addFours]),
    ...(lanes === 4 ? storeFour() : storeOne()),
  ];
  const untilGroups = [...get(ROWS), ...constant(-GROUP), ...and, ...set(end)];
  if (into === 'column sums') {
    const group = [...along(whole, 4, columnSums(4)), ...along(COLUMNS, 1, columnSums(1))];
    return [...untilGroups, ...forEach(row, end, prepare, group, moved)];
  }
  const sums = GROUP_ROWS.map(() => newLocal(v128));
  const rests = GROUP_ROWS.map(() => newLocal(v128));
  const added = (to: readonly number[], lanes: 1 | 4) =>
    to.flatMap((sum, r) => [...value(lanes, r), ...get(sum), ...addFours, ...set(sum)]);
  const rowSums = [
    ...[...sums, ...rests].flatMap((sum) => [...four(0), ...set(sum)]),
    ...along(whole, 4, added(sums, 4)),
    ...along(COLUMNS, 1, added(rests, 1)),
    ...together(sums),
    ...set(sums[0]!),
    // Of the rests the first lane alone counts.
    ...GROUP_ROWS.flatMap((r) => [
      ...[...get(OUT), ...get(sums[0]!), ...lane(r), ...get(rests[r]!), ...lane(0), ...addFloats],
      ...[0x38, 2, 4 * r],
    ]),
    ...advance(OUT, constant(4 * GROUP)),
  ];
  // Of long rows blocks are added up in float64, row by row.
  const areShort = [...get(COLUMNS), ...constant(BLOCK + 1), ...isLessUnsigned];
  return choose(areShort, [...untilGroups, ...forEach(row, end, prepare, rowSums, moved)], []);
}

/** Lanes of the first vector are 0 to 3, of the second 4 to 7. */
const shuffle = (...lanes: number[]) => [
  ...[0xfd, 0x0d],
  ...lanes.flatMap((from) => [0, 1, 2, 3].map((byte) => 4 * from + byte)),
];

/** The sums of the lanes of four vectors, as one. */
function together([a, b, c, d]: readonly number[]): number[] {
  const halves = (x: number, y: number) => [
    ...[...get(x), ...get(y), ...shuffle(0, 4, 1, 5), ...get(x), ...get(y), ...shuffle(2, 6, 3, 7)],
    ...addFours,
    ...set(x),
  ];
  return [
    ...[...halves(a!, b!), ...halves(c!, d!)],
    ...[...get(a!), ...get(c!), ...shuffle(0, 1, 4, 5), ...get(a!), ...get(c!)],
    ...[...shuffle(2, 3, 6, 7), ...addFours],
  ];
}
