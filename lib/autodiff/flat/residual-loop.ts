import { FunctionBody, instantiated, type Label, type Local } from '../../backends/wasm/assembler';
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

/** The numbers that the loop has in locals, from where it leaves them. */
const LOADED = [
  'residual',
  'before',
  'normA',
  'goal',
  'limit',
  'best',
  'least',
  'shift',
  'falls',
  'rounding',
] as const satisfies (keyof typeof RESIDUAL_FACTS)[];
/** Those that an iteration changes. */
const LEFT = ['residual', 'before', 'normA', 'best', 'least'] as const;

const loopOf = (heap: Heap, product: Prepared): RunResiduals =>
  new ResidualLoop(heap, product).made();

/** Writes the loop: the parts of an iteration by their names. */
class ResidualLoop {
  readonly #heap: Heap;
  readonly #product: Prepared['sequence'];
  readonly #dot: ReturnType<typeof dotOn>;
  readonly #updates;
  readonly #f = new FunctionBody('solve', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: ['i32'],
  });
  readonly #at;
  readonly #vectors;
  readonly #fact;

  constructor(heap: Heap, product: Prepared) {
    this.#heap = heap;
    this.#product = product.sequence;
    this.#dot = dotOn(heap);
    this.#updates = {
      scale: updateOn(heap, updates.scale),
      add: updateOn(heap, updates.add),
      sum: updateOn(heap, updates.sum),
      copy: updateOn(heap, updates.copy),
    };
    this.#at = this.#locals();
    this.#vectors = {
      x: this.#vector(X),
      r: this.#vector(R),
      best: this.#vector(BEST),
      v: this.#vector(V),
      image: this.#vector(IMAGE),
    };
    this.#fact = Object.fromEntries(LOADED.map((name) => [name, this.#loaded(name)])) as Record<
      (typeof LOADED)[number],
      Local
    >;
  }

  made(): RunResiduals {
    const f = this.#f;
    const { facts, count, done, number, held } = this.#at;
    f.get(facts).i32(NUMBER).do('i32.add').set(number);
    this.#count('held').set(held);
    f.block((finished) => {
      f.loop((again) => {
        f.get(done, count).do('i32.ge_u').brIf(finished);
        f.get(this.#fact.best, this.#fact.goal).do('f64.gt', 'i32.eqz').brIf(finished);
        this.#forgetAll();
        this.#takeDirection();
        this.#multiply();
        this.#orthogonalize();
        this.#addPair();
        this.#residualAfter(finished);
        this.#move();
        this.#keepPair();
        f.advance(done, 1);
        this.#keepBest();
        this.#leave();
        f.br(again);
      });
    });
    f.get(done);
    const imports = [this.#product, this.#dot, ...Object.values(this.#updates)];
    return instantiated(memoryOf(this.#heap), [f], imports).solve as RunResiduals;
  }

  #locals() {
    const f = this.#f;
    const [table, facts, bytes, count, keepsBest] = f.parameters;
    const [done, held, number, pair, end] = f.locals('i32', 'i32', 'i32', 'i32', 'i32');
    const [p, q, nextP, nextQ] = f.locals('i32', 'i32', 'i32', 'i32');
    const [value, next, found] = f.locals('f64', 'f64', 'f64');
    const given = { table, facts, bytes, count, keepsBest };
    return { ...given, done, held, number, pair, end, p, q, nextP, nextQ, value, next, found };
  }

  /** A vector's address. */
  #vector(place: number): Local {
    const address = this.#f.local('i32');
    this.#f
      .get(this.#at.table)
      .memory('i32.load', 4 * place)
      .set(address);
    return address;
  }

  #loaded(name: keyof typeof RESIDUAL_FACTS): Local {
    const local = this.#f.local('f64');
    this.#f.get(this.#at.facts).memory('f64.load', RESIDUAL_FACTS[name]).set(local);
    return local;
  }

  #count(name: keyof typeof RESIDUAL_COUNTS) {
    return this.#f.get(this.#at.facts).memory('i32.load', RESIDUAL_COUNTS[name]);
  }

  /** Runs an update with the number on the stack. */
  #update(name: 'scale' | 'add' | 'sum', ...vectors: Local[]): void {
    const { value, number, bytes } = this.#at;
    this.#f.set(value).get(number, value).do('f32.demote_f64').memory('f32.store');
    this.#f.get(bytes, number, ...vectors).call(this.#updates[name]);
  }

  #copy(from: Local, to: Local): void {
    const { bytes, number } = this.#at;
    this.#f.get(bytes, number, from, to).call(this.#updates.copy);
  }

  /** One over the root of what is on the stack, or 0 where that is not positive. */
  #inverseRoot(): void {
    const { value } = this.#at;
    this.#f.set(value).f64(1).get(value).do('f64.sqrt', 'f64.div').f64(0);
    this.#f.f64(0).get(value).do('f64.lt').select('f64');
  }

  /** Where the pair of some direction is in the table. */
  #findPair(index: () => void): void {
    index();
    this.#f
      .i32(8)
      .do('i32.mul')
      .get(this.#at.table)
      .i32(4 * FIRST_DIRECTION);
    this.#f.do('i32.add', 'i32.add').set(this.#at.pair);
  }

  #loadPair(toP: Local, toQ: Local): void {
    const { pair } = this.#at;
    this.#f.get(pair).memory('i32.load').set(toP).get(pair).memory('i32.load', 4).set(toQ);
  }

  #squared(x: Local) {
    return squaredNorm(this.#f, this.#dot, x, this.#at.bytes);
  }

  #inner(x: Local, y: Local) {
    return innerProduct(this.#f, this.#dot, x, y, this.#at.bytes);
  }

  #forgetAll(): void {
    const f = this.#f;
    const { held } = this.#at;
    f.get(held);
    this.#count('restart').do('i32.eq');
    f.if(() => f.i32(0).set(held));
  }

  /** What A is multiplied by: the image of the last direction while residuals fall slowly, or else the residual. */
  #takeDirection(): void {
    const f = this.#f;
    const { held, p, q } = this.#at;
    const { residual, falls, before } = this.#fact;
    f.block((chosen) => {
      f.get(held).if(() => {
        f.get(residual, falls, before).do('f64.mul', 'f64.lt', 'i32.eqz');
        f.if(() => {
          this.#findPair(() => f.get(held).i32(-1).do('i32.add'));
          this.#loadPair(p, q);
          this.#copy(q, this.#vectors.v);
          f.br(chosen);
        });
      });
      f.get(residual);
      this.#inverseRoot();
      this.#update('scale', this.#vectors.r, this.#vectors.v);
    });
  }

  /** image ← A v, shifted, and the largest norm of an image so far. */
  #multiply(): void {
    const f = this.#f;
    const { next } = this.#at;
    const { shift, normA } = this.#fact;
    const { v, image } = this.#vectors;
    this.#count('productTable').call(this.#product);
    f.get(shift).f64(0).do('f64.gt');
    f.if(() => {
      f.get(shift);
      this.#update('add', v, image);
    });
    this.#squared(image).set(next);
    f.get(next, normA, normA, next).do('f64.lt').select('f64').set(normA);
  }

  /** Makes the image orthogonal to those that are held, from the newest to the oldest. */
  #orthogonalize(): void {
    const f = this.#f;
    const { table, held, pair, end, p, q, next } = this.#at;
    const { v, image } = this.#vectors;
    this.#findPair(() => f.get(held));
    f.get(table)
      .i32(4 * FIRST_DIRECTION)
      .do('i32.add')
      .set(end);
    f.block((all) => {
      f.loop((again) => {
        f.get(end, pair).do('i32.ge_u').brIf(all);
        f.advance(pair, -8);
        this.#loadPair(p, q);
        f.f64(0);
        this.#inner(image, q).do('f64.sub').set(next);
        f.get(next);
        this.#update('add', p, v);
        f.get(next);
        this.#update('add', q, image);
        f.br(again);
      });
    });
  }

  /** The free pair p, q: v and its image, by one over the norm of the image. */
  #addPair(): void {
    const f = this.#f;
    const { held, p, q, next, value } = this.#at;
    const { rounding, normA } = this.#fact;
    const { v, image } = this.#vectors;
    // A p that A has all but annihilated: its image is rounding, and no step is taken.
    this.#squared(image).set(next).get(rounding, normA);
    this.#squared(v).do('f64.mul', 'f64.mul').set(value);
    f.get(next).f64(0).get(value, next).do('f64.lt').select('f64');
    this.#inverseRoot();
    f.set(next);
    this.#findPair(() => f.get(held));
    this.#loadPair(p, q);
    f.get(next);
    this.#update('scale', v, p);
    f.get(next);
    this.#update('scale', image, q);
  }

  /** image ← r − ⟨r, q⟩ q, the residual after the step; ends the loop where it cannot be taken. */
  #residualAfter(finished: Label): void {
    const f = this.#f;
    const { q, next, found } = this.#at;
    const { r, image } = this.#vectors;
    this.#inner(r, q).set(next);
    f.f64(0).get(next).do('f64.sub');
    this.#update('sum', q, r, image);
    this.#squared(image).set(found);
    // A NaN is less than nothing.
    f.get(found, this.#fact.limit).do('f64.lt', 'i32.eqz').brIf(finished);
  }

  #move(): void {
    const f = this.#f;
    const { p, next, found } = this.#at;
    const { residual, before } = this.#fact;
    f.get(next);
    this.#update('add', p, this.#vectors.x);
    this.#copy(this.#vectors.image, this.#vectors.r);
    f.get(residual).set(before).get(found).set(residual);
  }

  #keepPair(): void {
    const { held } = this.#at;
    this.#f.get(held);
    this.#count('keep').do('i32.eq');
    this.#f.if(
      () => this.#turn(),
      () => this.#f.advance(held, 1),
    );
  }

  /** Makes the pairs start with the second; the first comes last. */
  #turn(): void {
    const f = this.#f;
    const { pair, end, nextP, nextQ } = this.#at;
    this.#findPair(() => f.i32(0));
    this.#loadPair(nextP, nextQ);
    this.#findPair(() => this.#count('keep'));
    f.get(pair).set(end);
    this.#findPair(() => f.i32(0));
    f.while(pair, end, () => {
      f.get(pair, pair).memory('i32.load', 8).memory('i32.store');
      f.get(pair, pair).memory('i32.load', 12).memory('i32.store', 4);
      f.advance(pair, 8);
    });
    f.get(pair, nextP).memory('i32.store').get(pair, nextQ).memory('i32.store', 4);
  }

  #keepBest(): void {
    const f = this.#f;
    const { least, residual, best } = this.#fact;
    f.get(least, residual).do('f64.min').set(least);
    f.block((kept) => {
      f.get(this.#at.keepsBest).if(() => {
        f.get(residual, best).do('f64.lt', 'i32.eqz').brIf(kept);
        this.#copy(this.#vectors.x, this.#vectors.best);
      });
      f.get(residual).set(best);
    });
  }

  /** Leaves the facts for whoever called. */
  #leave(): void {
    const { facts, held } = this.#at;
    this.#f.get(facts, held).memory('i32.store', RESIDUAL_COUNTS.held);
    for (const name of LEFT) {
      this.#f.get(facts, this.#fact[name]).memory('f64.store', RESIDUAL_FACTS[name]);
    }
  }
}
