import { type Callable, FunctionBody } from '../assembler';
import { backToWhole, eachPanel, moveBack, PANEL_ROW } from './multiply';

const I32 = 'i32';
const SIGNATURE = { parameters: [I32, I32, I32, I32, I32], results: [] } as const;

/**
 * Lays b out in panels of eight columns, one row after the other: k rows, the bytes from one to the next
 * in memory, and how many columns.
 */
export type LayOut = (
  b: number,
  rowOfB: number,
  columns: number,
  k: number,
  out: number,
) => unknown;

/** `LayOut` of b as it is. */
export function panelsBody(): FunctionBody {
  const f = new FunctionBody('panels', SIGNATURE);
  const [b, rowOfB, all, k, out] = f.parameters;
  const [left, from, p] = f.locals('i32', 'i32', 'i32');
  f.get(all).set(left);
  eachPanel(f, all, left, (columns) => {
    const size = 4 * columns;
    const [load, store] =
      columns === 1
        ? (['v128.load32_zero', 'v128.store32_lane'] as const)
        : (['v128.load', 'v128.store'] as const);
    backToWhole(f, left, columns, () => moveBack(f, b, left, columns, 4));
    f.get(b).set(from).i32(0).set(p);
    f.while(p, k, () => {
      for (let at = 0; at < size; at += 16) {
        f.get(out, from).memory(load, at).memory(store, at);
      }
      f.advance(from, rowOfB).advance(out, PANEL_ROW).advance(p, 1);
    });
    f.advance(b, size).advance(left, -columns);
  });
  return f;
}

/** `LayOut` of the transpose of what is in memory, where columns of b are the rows. */
export function panelsOfTransposeBody(transpose: Callable): FunctionBody {
  const f = new FunctionBody('panelsOfTranspose', SIGNATURE);
  const [b, rowOfB, all, k, out] = f.parameters;
  const left = f.local('i32');
  f.get(all).set(left);
  eachPanel(f, all, left, (columns) => {
    backToWhole(f, left, columns, () => moveBack(f, b, left, columns, rowOfB));
    f.get(b, rowOfB).i32(columns).get(k).i32(2).do('i32.shl').get(out).i32(PANEL_ROW);
    f.call(transpose);
    f.get(b, rowOfB).i32(columns).do('i32.mul', 'i32.add').set(b);
    f.get(out, k).i32(PANEL_ROW).do('i32.mul', 'i32.add').set(out);
    f.advance(left, -columns);
  });
  return f;
}
