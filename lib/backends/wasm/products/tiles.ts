import { addProduct, FunctionBody } from '../assembler';

/** How many columns a tile of several rows has at most, and a panel of b. */
export const COLUMNS = 8;
export type Columns = typeof COLUMNS | 4 | 1;

/** How many a tile of one row has where there are as many: eight sums, none of which waits for another. */
export const WIDE = 32;

/** Rows of a tile: of six with eight columns, the sums are in 12 registers, of 15 that an engine has. */
export const [MOST_ROWS, SOME_ROWS] = [6, 4] as const;
export type Rows = typeof MOST_ROWS | typeof SOME_ROWS | 1;

/** How numbers are read and written, four at a time or one. */
const LANES = {
  4: { load: 'v128.load', store: 'v128.store' },
  1: { load: 'v128.load32_zero', store: 'v128.store32_lane' },
} as const;

const I32 = 'i32';
const TILE = { parameters: [I32, I32, I32, I32, I32, I32, I32, I32], results: [] } as const;

export type Tile = FunctionBody<typeof TILE.parameters>;

/**
 * out ← a · b in some rows and columns, for as many numbers of each as k: the addresses of a, of b and of
 * out, how far it is from one row of each to the next, and in a from one column, all in bytes.
 *
 * It is a function of its own for each shape: with a second loop in it, V8 keeps some sums in memory.
 */
export function tileBody(rows: Rows, columns: Columns | typeof WIDE, asOne?: boolean): Tile {
  const f: Tile = new FunctionBody(`tile${rows}x${columns}`, TILE);
  const [a, rowOfA, columnOfA, b, rowOfB, out, rowOfOut, k] = f.parameters;
  const { load, store } = LANES[columns === 1 ? 1 : 4];
  const p = f.local('i32');
  const pointers = f.localsOf('i32', rows);
  const vectors = f.localsOf('v128', Math.ceil(columns / 4));
  const sums = pointers.map(() => f.localsOf('v128', vectors.length));
  const factor = f.local('v128');
  pointers.forEach((pointer, r) => {
    if (r === 0) f.get(a);
    else f.get(pointers[r - 1]!, rowOfA).do('i32.add');
    f.set(pointer);
  });
  f.while(p, k, () => {
    pointers.forEach((pointer, r) => {
      f.get(pointer).memory('v128.load32_splat').set(factor);
      vectors.forEach((vector, v) => {
        // When it is needed: of one row there are more than registers.
        if (r === 0) {
          f.get(b)
            .memory(load, 16 * v)
            .set(vector);
        }
        addProduct(f.get(factor, vector), sums[r]![v]!, 'f32x4', asOne);
      });
      f.advance(pointer, columnOfA);
    });
    f.advance(b, rowOfB).advance(p, 1);
  });
  for (const row of sums) {
    row.forEach((sum, v) => {
      f.get(out, sum).memory(store, 16 * v);
    });
    f.advance(out, rowOfOut);
  }
  return f;
}
