import {
  add,
  addFloats,
  addFours,
  advance,
  and,
  choose,
  constant,
  forEach,
  get,
  i32,
  isLessUnsigned,
  lane,
  loadFour,
  loadOne,
  set,
  storeFour,
  storeOne,
  v128,
} from '../kernels/assembly';
import { type Expression, emitted } from './expression';
import { four } from './functions';
import { BLOCK, COLUMNS, INPUT, type Loop, OUT, type Pattern, ROWS } from './loop';

const CHEAP: readonly string[] = [
  ...['add', 'subtract', 'multiply', 'divide', 'minimum', 'maximum', 'absolute', 'negate', 'root'],
  ...['equal', 'differ', 'less', 'greater', 'atMost', 'atLeast', 'choose'],
];

const MOST_NODES = 8;

/** Whether an expression takes so few instructions that loops over several rows at once pay. */
export function isCheap(expression: Expression): boolean {
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
export function groupsOf(
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
