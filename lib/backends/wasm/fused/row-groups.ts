import type { FunctionBody, Local } from '../assembler';
import { type Expression, writeExpression } from './expression';
import { BLOCK, LANES, type Loop, type Pattern, poolOf } from './loop';

const CHEAP: readonly string[] = [
  ...['add', 'subtract', 'multiply', 'divide', 'minimum', 'maximum', 'absolute', 'negate', 'root'],
  ...['equal', 'differ', 'less', 'greater', 'atMost', 'atLeast', 'choose'],
];

const MOST_NODES = 8;

/** Whether an expression takes so few instructions that loops over several rows at once are faster. */
export function isCheap(expression: Expression): boolean {
  let nodes = 0;
  const visit = (each: Expression): boolean => {
    if (each.kind !== 'apply') return true;
    return ++nodes <= MOST_NODES && CHEAP.includes(each.name) && each.of.every(visit);
  };
  return visit(expression);
}

/** The locals of a loop. */
interface Shared {
  out: Local;
  rows: Local;
  columns: Local;
  inputs: readonly Local[];
  /** What inputs with one entry for all are. */
  splats: readonly Local[];
  at: Local;
  whole: Local;
  row: Local;
}

/** So many rows are summed at once. */
const GROUP = 4;
const GROUP_ROWS = [0, 1, 2, 3];

/**
 * The sums of rows and columns in whole groups of rows: what is read of the columns is read once for a
 * group, and the additions of one row do not wait for those of another. The rest of the rows is left.
 */
export function writeGroups(
  f: FunctionBody,
  { expression, patterns, into }: Loop,
  { out, rows, columns, inputs, splats, at, whole, row }: Shared,
): void {
  if (into !== 'row sums' && into !== 'column sums') return;
  const having = (pattern: Pattern) =>
    inputs.flatMap((pointer, i) => (patterns[i] === pattern ? [{ i, pointer }] : []));
  const perRow = (pattern: Pattern, type: 'i32' | 'v128') =>
    new Map(having(pattern).map(({ i }) => [i, f.localsOf(type, GROUP)]));
  const pointers = perRow('place', 'i32');
  const ofRows = perRow('row', 'v128');
  const ofColumn = new Map(having('column').map(({ i }) => [i, f.local('v128')]));
  const end = f.local('i32');
  const evaluation = poolOf(f);

  const value = (lanes: 1 | 4, r: number) => {
    const load = (i: number) => {
      const pointer = pointers.get(i)?.[r];
      if (pointer !== undefined) f.get(pointer, at).do('i32.add').memory(LANES[lanes].load);
      else f.get(ofRows.get(i)?.[r] ?? ofColumn.get(i) ?? splats[i]!);
    };
    writeExpression(f, expression, load, evaluation());
    return f;
  };
  const along = (until: Local, lanes: 1 | 4, body: () => void) =>
    f.while(at, until, () => {
      for (const { i, pointer } of having('column')) {
        f.get(pointer, at).do('i32.add').memory(LANES[lanes].load).set(ofColumn.get(i)!);
      }
      body();
      f.advance(at, 4 * lanes);
    });
  const prepare = () => {
    for (const { i, pointer } of having('place')) {
      pointers.get(i)!.forEach((local, r, all) => {
        if (r === 0) f.get(pointer).set(local);
        else
          f.get(all[r - 1]!, columns)
            .do('i32.add')
            .set(local);
      });
    }
    for (const { i, pointer } of having('row')) {
      ofRows.get(i)!.forEach((local, r) => {
        f.get(pointer)
          .memory('v128.load32_splat', 4 * r)
          .set(local);
      });
    }
    f.i32(0).set(at).get(columns).i32(-16).do('i32.and').set(whole);
  };
  const moveOn = () => {
    for (const { i, pointer } of having('place')) {
      f.get(pointers.get(i)![GROUP - 1]!, columns)
        .do('i32.add')
        .set(pointer);
    }
    for (const { pointer } of having('row')) f.advance(pointer, 4 * GROUP);
    f.advance(row, GROUP);
  };
  const groups = (body: () => void) => {
    f.get(rows).i32(-GROUP).do('i32.and').set(end);
    f.while(row, end, () => {
      prepare();
      body();
      moveOn();
    });
  };

  if (into === 'column sums') {
    const addTo = (lanes: 1 | 4) => {
      for (const _ of [0, 1]) f.get(out, at).do('i32.add');
      f.memory(LANES[lanes].load);
      for (const r of GROUP_ROWS) value(lanes, r).do('f32x4.add');
      f.memory(LANES[lanes].store);
    };
    groups(() => {
      along(whole, 4, () => addTo(4));
      along(columns, 1, () => addTo(1));
    });
    return;
  }
  const [sums, rests] = [f.localsOf('v128', GROUP), f.localsOf('v128', GROUP)];
  const addTo = (to: readonly Local[], lanes: 1 | 4) => {
    to.forEach((sum, r) => {
      value(lanes, r).get(sum).do('f32x4.add').set(sum);
    });
  };
  const rowSums = () => {
    for (const sum of [...sums, ...rests]) f.f32x4(0).set(sum);
    along(whole, 4, () => addTo(sums, 4));
    along(columns, 1, () => addTo(rests, 1));
    addTogether(f, sums);
    const all = sums[0]!;
    f.set(all);
    // Of the rests the first lane alone counts.
    rests.forEach((rest, r) => {
      f.get(out, all).lane('f32x4.extract_lane', r).get(rest).lane('f32x4.extract_lane', 0);
      f.do('f32.add').memory('f32.store', 4 * r);
    });
    f.advance(out, 4 * GROUP);
  };
  // Of long rows blocks are added up in float64, row by row.
  f.get(columns)
    .i32(BLOCK + 1)
    .do('i32.lt_u')
    .if(() => groups(rowSums));
}

/** Leaves the sums of the lanes of four vectors on the stack, as one. */
function addTogether(f: FunctionBody, vectors: readonly Local[]): void {
  const [a, b, c, d] = vectors as [Local, Local, Local, Local];
  const halves = (x: Local, y: Local) => {
    f.get(x, y).shuffle(0, 4, 1, 5).get(x, y).shuffle(2, 6, 3, 7).do('f32x4.add').set(x);
  };
  halves(a, b);
  halves(c, d);
  f.get(a, c).shuffle(0, 1, 4, 5).get(a, c).shuffle(2, 3, 6, 7).do('f32x4.add');
}
