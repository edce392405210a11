import { FunctionBody, type Local } from '../assembler';
import { writeExpression } from './expression';
import { BLOCK, LANES, type Loop, poolOf } from './loop';
import { isCheap, writeGroups } from './row-groups';

/**
 * The function of a loop: of the addresses of the result, the number of rows, the bytes of a row, and
 * the addresses of the inputs.
 */
export function loopBody(name: string, loop: Loop): FunctionBody {
  const { expression, patterns, into } = loop;
  const addresses = patterns.map(() => 'i32' as const);
  const parameters = ['i32', 'i32', 'i32', ...addresses] as const;
  const f = new FunctionBody(name, { parameters, results: [] });
  const [out, rows, columns, ...inputs] = f.parameters;
  /** Where an input is read in the row: its own pointer, or one that starts again with each row. */
  const inRow = patterns.map((pattern, i) => (pattern === 'column' ? f.local('i32') : inputs[i]!));
  const splats = f.localsOf('v128', patterns.length);
  const [row, at, whole, stop] = f.locals('i32', 'i32', 'i32', 'i32');
  const [total, sum] = f.locals('f64', 'v128');
  const moving = inRow.filter((_, i) => patterns[i] === 'place' || patterns[i] === 'column');

  const evaluation = poolOf(f);
  const value = (lanes: 1 | 4) => {
    const load = (i: number) => {
      if (patterns[i] === 'place' || patterns[i] === 'column') {
        f.get(inRow[i]!).memory(LANES[lanes].load);
      } else f.get(splats[i]!);
    };
    writeExpression(f, expression, load, evaluation());
    return f;
  };
  const along = (until: Local, lanes: 1 | 4, body: () => void) =>
    f.while(at, until, () => {
      body();
      for (const local of [at, ...moving]) f.advance(local, 4 * lanes);
    });
  const beginRow = () => f.i32(0).set(at).get(columns).i32(-16).do('i32.and').set(whole);
  const outAt = () => f.get(out, at).do('i32.add');
  const splat = (i: number) => f.get(inputs[i]!).memory('v128.load32_splat').set(splats[i]!);
  const prepareRow = () => {
    patterns.forEach((pattern, i) => {
      if (pattern === 'column') f.get(inputs[i]!).set(inRow[i]!);
      if (pattern === 'row') splat(i).advance(inputs[i]!, 4);
    });
    beginRow();
  };

  /** Adds a row to the total: blocks in float32, their sums in float64. */
  const sumRow = () => {
    f.while(at, whole, () => {
      f.get(at).i32(BLOCK).do('i32.add').get(whole);
      f.get(at).i32(BLOCK).do('i32.add').get(whole).do('i32.lt_u').select('i32').set(stop);
      f.f32x4(0).set(sum);
      along(stop, 4, () => value(4).get(sum).do('f32x4.add').set(sum));
      f.get(total);
      for (const i of [0, 1, 2, 3]) {
        f.get(sum).lane('f32x4.extract_lane', i).do('f64.promote_f32', 'f64.add');
      }
      f.set(total);
    });
    along(columns, 1, () => {
      value(1).lane('f32x4.extract_lane', 0).do('f64.promote_f32');
      f.get(total).do('f64.add').set(total);
    });
  };
  const storeTotal = () => f.get(out, total).do('f32.demote_f64').memory('f32.store');
  const maximumOfRow = () => {
    f.f32x4(Number.NEGATIVE_INFINITY).set(sum);
    along(whole, 4, () => value(4).get(sum).do('f32x4.max').set(sum));
    along(columns, 1, () => {
      value(1).lane('f32x4.extract_lane', 0).do('f32x4.splat');
      f.get(sum).do('f32x4.max').set(sum);
    });
    f.get(out, sum).lane('f32x4.extract_lane', 0);
    for (const i of [1, 2, 3]) f.get(sum).lane('f32x4.extract_lane', i).do('f32.max');
    f.memory('f32.store').advance(out, 4);
  };
  const each = (write: (lanes: 1 | 4) => void) => {
    along(whole, 4, () => write(4));
    along(columns, 1, () => write(1));
  };
  const writeRow = () => {
    switch (into) {
      case 'places':
        each((lanes) => {
          outAt();
          value(lanes).memory(LANES[lanes].store);
        });
        f.advance(out, columns);
        return;
      case 'sum':
        sumRow();
        return;
      case 'row sums':
        f.f64(0).set(total);
        sumRow();
        storeTotal().advance(out, 4);
        return;
      case 'row maxima':
        maximumOfRow();
        return;
      case 'column sums':
        each((lanes) => {
          outAt();
          outAt().memory(LANES[lanes].load);
          value(lanes).do('f32x4.add').memory(LANES[lanes].store);
        });
    }
  };

  patterns.forEach((pattern, i) => {
    if (pattern === 'all') splat(i);
  });
  if (into === 'column sums') {
    beginRow();
    const clear = (until: Local, lanes: 1 | 4) =>
      f.while(at, until, () => {
        outAt()
          .f32x4(0)
          .memory(LANES[lanes].store)
          .advance(at, 4 * lanes);
      });
    clear(whole, 4);
    clear(columns, 1);
  }
  if (isCheap(expression)) {
    writeGroups(f, loop, { out, rows, columns, inputs, splats, at, whole, row });
  }
  f.while(row, rows, () => {
    prepareRow();
    writeRow();
    f.advance(row, 1);
  });
  if (into === 'sum') storeTotal();
  return f;
}
