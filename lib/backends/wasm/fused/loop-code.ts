import {
  add,
  addDoubles,
  addFours,
  advance,
  and,
  type Code,
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
import { emitted } from './expression';
import { four, most } from './functions';
import { BLOCK, COLUMNS, INPUT, type Into, type Loop, loadSplat, OUT, ROWS } from './loop';
import { groupsOf, isCheap } from './row-groups';

export function codeOf({ expression, patterns, into }: Loop): Code {
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
