import { FunctionBody, type Local } from '../assembler';
import {
  COLUMNS,
  type Columns,
  MOST_ROWS,
  type Rows,
  SOME_ROWS,
  type Tile,
  tileBody,
  WIDE,
} from './tiles';

/** The bytes of one row of a panel that was laid out. */
export const PANEL_ROW = 4 * COLUMNS;

/** out ← a · b for some rows and columns; addresses and distances in bytes. */
export type Multiply = (
  a: number,
  rowOfA: number,
  columnOfA: number,
  b: number,
  /** From one row of b to the next, and from one panel of eight columns to the next. */
  rowOfB: number,
  panelOfB: number,
  out: number,
  rowOfOut: number,
  rows: number,
  columns: number,
  k: number,
) => unknown;

/**
 * The function `multiply`, and those that it calls.
 *
 * Each number is one sum, from the first term to the last. What is left over at the end of rows and of
 * columns is computed together with some that are finished, which get the same numbers again; so tiles
 * of few shapes suffice, and b is read only where it is.
 */
export function multiplyBodies(asOne?: boolean): FunctionBody[] {
  const tiles = new Map<string, Tile>();
  const tileOf: TileOf = (rows, columns) => {
    const key = `${rows}x${columns}`;
    const known = tiles.get(key) ?? tileBody(rows, columns, asOne);
    tiles.set(key, known);
    return known;
  };
  const multiply = multiplyBody(tileOf);
  return [...tiles.values(), multiply];
}

type TileOf = (rows: Rows, columns: Columns | typeof WIDE) => Tile;

type Given = Readonly<Record<(typeof PARAMETERS)[number], Local>>;

const PARAMETERS = [
  ...(['a', 'rowOfA', 'columnOfA', 'b', 'rowOfB', 'panelOfB'] as const),
  ...(['out', 'rowOfOut', 'rows', 'columns', 'k'] as const),
] as const;

function multiplyBody(tileOf: TileOf): FunctionBody {
  const f = new FunctionBody('multiply', { parameters: PARAMETERS.map(() => 'i32'), results: [] });
  const given = Object.fromEntries(PARAMETERS.map((name, i) => [name, f.parameters[i]!])) as Given;
  const { b, panelOfB, out, rows, columns: all } = given;
  const left = f.local('i32');
  f.get(all).set(left);
  const writeRows = rowsWriter(f, given, tileOf);
  const writeWide = () =>
    f.loop((again) => {
      f.get(left).i32(WIDE).do('i32.ge_u');
      f.if(() => {
        writeRows(WIDE);
        f.advance(out, 4 * WIDE)
          .advance(b, 4 * WIDE)
          .advance(left, -WIDE)
          .br(again);
      });
    });
  // Few rows of a b that is not laid out.
  f.get(rows).i32(SOME_ROWS).do('i32.lt_u').get(panelOfB).i32(PANEL_ROW).do('i32.eq', 'i32.and');
  f.if(writeWide);
  const writePanels = () =>
    eachPanel(f, all, left, (columns) => {
      // Back to columns that are finished, where fewer are left than a tile has.
      backToWhole(f, left, columns, () => {
        moveBack(f, out, left, columns, 4);
        // A panel that was laid out begins where its own columns do.
        f.get(panelOfB).i32(PANEL_ROW).do('i32.eq');
        f.if(() => moveBack(f, b, left, columns, 4));
      });
      writeRows(columns);
      f.advance(out, 4 * columns).advance(left, -columns);
      f.i32(4 * columns)
        .get(panelOfB, panelOfB)
        .i32(PANEL_ROW)
        .do('i32.eq')
        .select('i32');
      f.get(b).do('i32.add').set(b);
    });
  f.get(left);
  f.if(writePanels);
  return f;
}

/** What writes all rows of some columns. */
function rowsWriter(
  f: FunctionBody,
  { a, rowOfA, columnOfA, b, rowOfB, out, rowOfOut, rows, k }: Given,
  tileOf: TileOf,
): (columns: Columns | typeof WIDE) => void {
  const [from, to, left] = f.locals('i32', 'i32', 'i32');
  const tile = (count: Rows, columns: Columns | typeof WIDE) => {
    f.get(from, rowOfA, columnOfA, b, rowOfB, to, rowOfOut, k).call(tileOf(count, columns));
    f.get(from, rowOfA).i32(count).do('i32.mul', 'i32.add').set(from);
    f.get(to, rowOfOut).i32(count).do('i32.mul', 'i32.add').set(to);
    f.advance(left, -count);
  };
  const some = (columns: Columns) => {
    backToWhole(f, left, SOME_ROWS, () => {
      moveBack(f, from, left, SOME_ROWS, rowOfA);
      moveBack(f, to, left, SOME_ROWS, rowOfOut);
    });
    tile(SOME_ROWS, columns);
  };
  const fewer = (columns: Columns) => {
    f.get(rows).i32(SOME_ROWS).do('i32.ge_u');
    f.if(
      () => some(columns),
      () => tile(1, columns),
    );
  };
  return (columns) => {
    f.get(a).set(from).get(out).set(to).get(rows).set(left);
    f.loop((again) => {
      if (columns === WIDE) tile(1, columns);
      else {
        f.get(left).i32(MOST_ROWS).do('i32.ge_u');
        f.if(
          () => tile(MOST_ROWS, columns),
          () => fewer(columns),
        );
      }
      f.get(left).brIf(again);
    });
  };
}

/** Where fewer are left than `count`, moves addresses back so that there are as many. */
export function backToWhole(f: FunctionBody, left: Local, count: number, move: () => void): void {
  if (count === 1) return;
  f.get(left).i32(count).do('i32.lt_u');
  f.if(() => {
    move();
    f.i32(count).set(left);
  });
}

/** Moves an address back by as many as `count` is more than what is left, each so many bytes. */
export function moveBack(
  f: FunctionBody,
  address: Local,
  left: Local,
  count: number,
  bytes: number | Local,
): void {
  f.get(address, left).i32(count).do('i32.sub');
  (typeof bytes === 'number' ? f.i32(bytes) : f.get(bytes)).do('i32.mul', 'i32.add').set(address);
}

/**
 * Repeats what is written for panels of some columns while columns are left; each takes its own off. A
 * row of eight numbers or more ends in eight or four, one of four to seven in four.
 */
export function eachPanel(
  f: FunctionBody,
  columns: Local,
  left: Local,
  write: (columns: Columns) => void,
): void {
  f.loop((again) => {
    const fewer = () => {
      f.get(columns).i32(4).do('i32.ge_u');
      f.if(
        () => write(4),
        () => write(1),
      );
    };
    // More than four are left of a row that has eight.
    f.get(left).i32(4).do('i32.gt_u').get(columns).i32(COLUMNS).do('i32.ge_u', 'i32.and');
    f.if(() => write(COLUMNS), fewer);
    f.get(left).brIf(again);
  });
}
