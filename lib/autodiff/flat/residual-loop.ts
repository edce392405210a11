import { FunctionBody, instantiated, type Local } from '../../backends/wasm/assembler';
import { type Formula, type Update, updateOn } from '../../backends/wasm/fused/updates';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import type { Prepared } from '../traced';
import { dotOn, innerProduct, squaredNorm } from './dot';

/** Where numbers of float64 are, that the loop reads and leaves: their places from an address on, in bytes. */
export const RESIDUAL_FACTS = {
  residual: 0,
  before: 8,
  normA: 16,
  goal: 24,
  limit: 32,
  best: 40,
  least: 48,
  shift: 56,
  falls: 64,
  rounding: 72,
} as const;
/**
 * Where integers are: how many directions are held, how many are kept, after how many all are
 * forgotten, and the address of the product's table.
 */
export const RESIDUAL_COUNTS = { held: 80, keep: 84, restart: 88, productTable: 92 } as const;
/** Where a number of float32 is. */
const NUMBER = 96;
/** The size of all that, in numbers of float32. */
export const RESIDUAL_FACTS_SIZE = 26;

/** Places in the table: the vectors x, r, the best x, what A is multiplied by, its image, and then p and q in turn. */
const [X, R, BEST, V, IMAGE] = [0, 1, 2, 3, 4];
export const FIRST_DIRECTION = 5;

/**
 * Iterations of minimal residuals in one call: addresses of the table of vectors and of the facts,
 * bytes of a vector, how many iterations, and whether the iterate of least residual is kept; returns
 * how many were taken. It ends before one that cannot be taken. The table has a free pair p, q after those
 * that are held; where all are taken its pairs are turned, and the oldest is overwritten.
 */
export type RunResiduals = (
  table: number,
  facts: number,
  bytes: number,
  count: number,
  keepsBest: number,
) => number;

const vector = (index: number): Formula => ({ kind: 'vector', index });
const scaled = (x: number): Formula => ({
  kind: 'apply',
  name: 'multiply',
  of: [vector(x), { kind: 'number', index: 0 }],
});
const axpy = (x: number, y: number): Formula => ({
  kind: 'apply',
  name: 'add',
  of: [scaled(x), vector(y)],
});
/** With one number and a few vectors, handed over in order. */
const updates = {
  /** v₁ ← a v₀ */
  scale: { vectors: 2, numbers: 1, outputs: [{ to: 1, formula: scaled(0) }] },
  /** v₁ ← a v₀ + v₁ */
  add: { vectors: 2, numbers: 1, outputs: [{ to: 1, formula: axpy(0, 1) }] },
  /** v₂ ← a v₀ + v₁ */
  sum: { vectors: 3, numbers: 1, outputs: [{ to: 2, formula: axpy(0, 1) }] },
  /** v₁ ← v₀ */
  copy: { vectors: 2, numbers: 1, outputs: [{ to: 1, formula: vector(0) }] },
} satisfies Record<string, Update>;

const made = new WeakMap<Prepared['sequence'], RunResiduals>();

/** The loop around a product, made once for as long as the product's program. */
export function residualsOn(heap: Heap, product: Prepared): RunResiduals {
  const found = made.get(product.sequence) ?? loopOf(heap, product);
  made.set(product.sequence, found);
  return found;
}

function loopOf(heap: Heap, product: Prepared): RunResiduals {
  const dot = dotOn(heap);
  const { scale, add, sum, copy } = updates;
  const functions = {
    scale: updateOn(heap, scale),
    add: updateOn(heap, add),
    sum: updateOn(heap, sum),
    copy: updateOn(heap, copy),
  };
  const f = new FunctionBody('solve', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: ['i32'],
  });
  const [table, facts, bytes, count, keepsBest] = f.parameters;
  const [done, held, number, pair, end] = f.locals('i32', 'i32', 'i32', 'i32', 'i32');
  const [p, q, nextP, nextQ] = f.locals('i32', 'i32', 'i32', 'i32');
  const [x, r, bestX, v, image] = [X, R, BEST, V, IMAGE].map((i) => {
    const address = f.local('i32');
    f.get(table)
      .memory('i32.load', 4 * i)
      .set(address);
    return address;
  }) as [Local, Local, Local, Local, Local];
  const loaded = (name: keyof typeof RESIDUAL_FACTS) => {
    const local = f.local('f64');
    f.get(facts).memory('f64.load', RESIDUAL_FACTS[name]).set(local);
    return local;
  };
  const [residual, before, normA, best] = (['residual', 'before', 'normA', 'best'] as const).map(
    loaded,
  ) as [Local, Local, Local, Local];
  const [goal, limit, least, shift] = (['goal', 'limit', 'least', 'shift'] as const).map(
    loaded,
  ) as [Local, Local, Local, Local];
  const [falls, rounding] = [loaded('falls'), loaded('rounding')];
  const [value, next, found] = f.locals('f64', 'f64', 'f64');
  const countOf = (name: keyof typeof RESIDUAL_COUNTS) =>
    f.get(facts).memory('i32.load', RESIDUAL_COUNTS[name]);
  /** Runs an update with the number on the stack. */
  const update = (name: keyof typeof functions, ...vectors: Local[]) => {
    f.set(value).get(number, value).do('f32.demote_f64').memory('f32.store');
    f.get(bytes, number, ...vectors).call(functions[name]);
  };
  const copied = (from: Local, to: Local) => f.get(bytes, number, from, to).call(functions.copy);
  /** One over the root of what is on the stack, or 0 where that is not positive. */
  const inverseRoot = () => {
    f.set(value).f64(1).get(value).do('f64.sqrt', 'f64.div').f64(0);
    f.f64(0).get(value).do('f64.lt').select('f64');
  };
  /** Where the pair of some direction is in the table. */
  const pairAt = (index: () => void) => {
    index();
    f.i32(8)
      .do('i32.mul')
      .get(table)
      .i32(4 * FIRST_DIRECTION);
    f.do('i32.add', 'i32.add').set(pair);
  };
  const loadPair = (toP: Local, toQ: Local) =>
    f.get(pair).memory('i32.load').set(toP).get(pair).memory('i32.load', 4).set(toQ);

  const takeDirection = () => {
    f.block((chosen) => {
      f.get(held).if(() => {
        f.get(residual, falls, before).do('f64.mul', 'f64.lt', 'i32.eqz');
        f.if(() => {
          pairAt(() => f.get(held).i32(-1).do('i32.add'));
          loadPair(p, q);
          copied(q, v);
          f.br(chosen);
        });
      });
      f.get(residual);
      inverseRoot();
      update('scale', r, v);
    });
  };
  /** Makes the image orthogonal to those that are held, from the newest to the oldest. */
  const orthogonalize = () => {
    pairAt(() => f.get(held));
    f.get(table)
      .i32(4 * FIRST_DIRECTION)
      .do('i32.add')
      .set(end);
    f.block((all) => {
      f.loop((again) => {
        f.get(end, pair).do('i32.ge_u').brIf(all);
        f.advance(pair, -8);
        loadPair(p, q);
        f.f64(0);
        innerProduct(f, dot, image, q, bytes).do('f64.sub').set(next);
        f.get(next);
        update('add', p, v);
        f.get(next);
        update('add', q, image);
        f.br(again);
      });
    });
  };
  /** Makes the pairs start with the second; the first comes last. */
  const turn = () => {
    pairAt(() => f.i32(0));
    loadPair(nextP, nextQ);
    pairAt(() => countOf('keep'));
    f.get(pair).set(end);
    pairAt(() => f.i32(0));
    f.while(pair, end, () => {
      f.get(pair, pair).memory('i32.load', 8).memory('i32.store');
      f.get(pair, pair).memory('i32.load', 12).memory('i32.store', 4);
      f.advance(pair, 8);
    });
    f.get(pair, nextP).memory('i32.store').get(pair, nextQ).memory('i32.store', 4);
  };
  const store = (name: keyof typeof RESIDUAL_FACTS, from: Local) =>
    f.get(facts, from).memory('f64.store', RESIDUAL_FACTS[name]);

  f.get(facts).i32(NUMBER).do('i32.add').set(number);
  countOf('held').set(held);
  f.block((finished) => {
    f.loop((again) => {
      f.get(done, count).do('i32.ge_u').brIf(finished);
      f.get(best, goal).do('f64.gt', 'i32.eqz').brIf(finished);
      f.get(held);
      countOf('restart').do('i32.eq');
      f.if(() => f.i32(0).set(held));
      takeDirection();
      countOf('productTable').call(product.sequence);
      f.get(shift).f64(0).do('f64.gt');
      f.if(() => {
        f.get(shift);
        update('add', v, image);
      });
      squaredNorm(f, dot, image, bytes).set(next);
      f.get(next, normA, normA, next).do('f64.lt').select('f64').set(normA);
      orthogonalize();
      // A p that A has all but annihilated: its image is rounding, and no step is taken.
      squaredNorm(f, dot, image, bytes).set(next).get(rounding, normA);
      squaredNorm(f, dot, v, bytes).do('f64.mul', 'f64.mul').set(value);
      f.get(next).f64(0).get(value, next).do('f64.lt').select('f64');
      inverseRoot();
      f.set(next);
      pairAt(() => f.get(held));
      loadPair(p, q);
      f.get(next);
      update('scale', v, p);
      f.get(next);
      update('scale', image, q);
      innerProduct(f, dot, r, q, bytes).set(next);
      f.f64(0).get(next).do('f64.sub');
      update('sum', q, r, image);
      squaredNorm(f, dot, image, bytes).set(found);
      // A NaN is less than nothing.
      f.get(found, limit).do('f64.lt', 'i32.eqz').brIf(finished);
      f.get(next);
      update('add', p, x);
      copied(image, r);
      f.get(residual).set(before).get(found).set(residual);
      f.get(held);
      countOf('keep').do('i32.eq');
      f.if(turn, () => f.advance(held, 1));
      f.advance(done, 1);
      f.get(least, residual).do('f64.min').set(least);
      f.block((kept) => {
        f.get(keepsBest).if(() => {
          f.get(residual, best).do('f64.lt', 'i32.eqz').brIf(kept);
          copied(x, bestX);
        });
        f.get(residual).set(best);
      });
      f.get(facts, held).memory('i32.store', RESIDUAL_COUNTS.held);
      store('residual', residual);
      store('before', before);
      store('normA', normA);
      store('best', best);
      store('least', least);
      f.br(again);
    });
  });
  f.get(done);
  const imports = [product.sequence, dot, ...Object.values(functions)];
  return instantiated(memoryOf(heap), [f], imports).solve as RunResiduals;
}
