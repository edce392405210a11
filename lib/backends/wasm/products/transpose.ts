import { FunctionBody, type Local } from '../assembler';

const I32 = 'i32';
const SIGNATURE = { parameters: [I32, I32, I32, I32, I32, I32], results: [] } as const;

/** out ← xᵀ, of some rows of `width` bytes; rows of x and of out are so many bytes apart. */
export type Transpose = (
  x: number,
  rowOfX: number,
  rows: number,
  width: number,
  out: number,
  rowOfOut: number,
) => unknown;

/** Four by four numbers at a time, four rows of x from one end to the other; then one by one. */
export function transposeBody(): FunctionBody<typeof SIGNATURE.parameters> {
  const f: FunctionBody<typeof SIGNATURE.parameters> = new FunctionBody('transpose', SIGNATURE);
  const [x, rowOfX, rows, width, out, rowOfOut] = f.parameters;
  const [column, whole, row, wholeRows, to] = f.locals('i32', 'i32', 'i32', 'i32', 'i32');
  const pointers = f.localsOf('i32', 4);
  const vectors = f.localsOf('v128', 4);
  const between = f.localsOf('v128', 4);
  f.get(width).i32(-16).do('i32.and').set(whole).get(rows).i32(-4).do('i32.and').set(wholeRows);
  const oneByOne = (count: 1 | 4) =>
    f.while(column, width, () => {
      pointers.slice(0, count).forEach((pointer, i) => {
        f.get(to, pointer)
          .memory('f32.load')
          .memory('f32.store', 4 * i);
        f.advance(pointer, 4);
      });
      f.advance(to, rowOfOut).advance(column, 4);
    });
  const from = (count: 1 | 4) => {
    pointers.slice(0, count).forEach((pointer, i) => {
      if (i === 0) f.get(x);
      else f.get(pointers[i - 1]!, rowOfX).do('i32.add');
      f.set(pointer);
    });
    f.get(out).set(to).i32(0).set(column);
  };
  const next = (count: 1 | 4) => {
    f.get(x, rowOfX).i32(count).do('i32.mul', 'i32.add').set(x);
    f.advance(out, 4 * count).advance(row, count);
  };
  f.while(row, wholeRows, () => {
    from(4);
    f.while(column, whole, () => {
      vectors.forEach((vector, i) => {
        f.get(pointers[i]!).memory('v128.load').set(vector).advance(pointers[i]!, 16);
      });
      exchange(f, vectors, between);
      for (const vector of vectors) {
        f.get(to, vector).memory('v128.store').advance(to, rowOfOut);
      }
      f.advance(column, 16);
    });
    oneByOne(4);
    next(4);
  });
  return f.while(row, rows, () => {
    from(1);
    oneByOne(1);
    next(1);
  });
}

/** Four vectors of four numbers become those of their first numbers, of their second ones, … */
function exchange(f: FunctionBody, x: readonly Local[], between: readonly Local[]): void {
  const [x0, x1, x2, x3] = x as [Local, Local, Local, Local];
  const [y0, y1, y2, y3] = between as [Local, Local, Local, Local];
  f.get(x0, x1).shuffle(0, 4, 1, 5).set(y0).get(x2, x3).shuffle(0, 4, 1, 5).set(y1);
  f.get(x0, x1).shuffle(2, 6, 3, 7).set(y2).get(x2, x3).shuffle(2, 6, 3, 7).set(y3);
  f.get(y0, y1).shuffle(0, 1, 4, 5).set(x0).get(y0, y1).shuffle(2, 3, 6, 7).set(x1);
  f.get(y2, y3).shuffle(0, 1, 4, 5).set(x2).get(y2, y3).shuffle(2, 3, 6, 7).set(x3);
}
