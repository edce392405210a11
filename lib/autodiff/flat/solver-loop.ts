import { FunctionBody, instantiated, type Label, type Local } from '../../backends/wasm/assembler';
import { type Formula, type Update, updateOn } from '../../backends/wasm/fused/updates';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import type { Prepared } from '../traced';
import { dotOn, innerProduct } from './dot';

/** Where numbers of float64 are, that a loop reads and leaves: their places from an address on, in bytes. */
export const FACTS = {
  /** ⟨r, r⟩, of conjugate gradients; the scale α of the others. */
  scalar: 0,
  goal: 8,
  limit: 16,
  best: 24,
  shift: 32,
  residual: 40,
  curvature: 48,
  least: 56,
  growth: 64,
  floor: 72,
  /** Numbers of float32. */
  numbers: 80,
} as const;
/** The size of all that, in numbers of float32. */
export const FACTS_SIZE = 24;

/** Which iterate is kept besides the last one: none, the one of least residual as the best, or in case the last one cannot be used. */
export const KEEPS = { none: 0, best: 1, nearest: 2 } as const;

/**
 * Iterations of a solve in one call: addresses of the table of the vectors x, r, p, A p and the x of
 * least residual, with W p and W r where there are weights W, and after them the addresses of the
 * tables of the product and of the weights; of the facts; and which iterate is kept. Returns how many
 * were taken: it ends before one that cannot be taken.
 */
export type RunSolve = (
  table: number,
  facts: number,
  bytes: number,
  count: number,
  keeps: number,
) => number;

const [X, R, P, Q, BEST, WEIGHED_P, WEIGHED_R] = [0, 1, 2, 3, 4, 5, 6];
/** Where the addresses of tables are in the table. */
export const TABLES = 7;
export const TABLE_SIZE = 9;
const vector = (index: number): Formula => ({ kind: 'vector', index });
/** `a x + y` with the number of a. */
const axpy = (a: number, x: number, y: number): Formula => ({
  kind: 'apply',
  name: 'add',
  of: [
    { kind: 'apply', name: 'multiply', of: [{ kind: 'number', index: a }, vector(x)] },
    vector(y),
  ],
});
const [SHIFT, MINUS, PLUS, BETA] = [0, 1, 2, 3];

type Method = 'cg' | 'richardson';

const made = new WeakMap<Prepared['sequence'], Map<Method, RunSolve>>();

/**
 * The loop of a method around a product q ← A p (or A r), made once for as long as the product's program.
 *
 * @param weigh puts `W q` into the place of `W r`, of conjugate gradients in the inner product of W
 */
export function solveOn(
  heap: Heap,
  product: Prepared,
  method: Method,
  weigh: Prepared | undefined,
): RunSolve {
  // A product has one inner product.
  const known = made.get(product.sequence) ?? new Map<Method, RunSolve>();
  made.set(product.sequence, known);
  const found = known.get(method) ?? loopOf(heap, product, method, weigh);
  known.set(method, found);
  return found;
}

const loopOf = (
  heap: Heap,
  product: Prepared,
  method: Method,
  weigh: Prepared | undefined,
): RunSolve => new SolverLoop(heap, product, method, weigh).made();

/** The numbers that a loop has in locals, from where it leaves them. */
const LOADED = [
  'scalar',
  'goal',
  'limit',
  'best',
  'shift',
  'least',
  'growth',
  'floor',
] as const satisfies (keyof typeof FACTS)[];

/** Writes the loop: the parts of an iteration by their names. */
class SolverLoop {
  readonly #heap: Heap;
  readonly #product: Prepared['sequence'];
  readonly #weigh: Prepared['sequence'] | undefined;
  readonly #isCg: boolean;
  readonly #dot: ReturnType<typeof dotOn>;
  readonly #imports: (Prepared['sequence'] | ReturnType<typeof updateOn>)[];
  readonly #f = new FunctionBody('solve', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: ['i32'],
  });
  readonly #at;
  readonly #vectors: readonly Local[];
  readonly #fact: Record<(typeof LOADED)[number], Local>;
  readonly #productTable: Local;
  readonly #weightsTable: Local;

  constructor(heap: Heap, product: Prepared, method: Method, weigh: Prepared | undefined) {
    this.#heap = heap;
    this.#product = product.sequence;
    this.#weigh = weigh?.sequence;
    this.#isCg = method === 'cg';
    this.#dot = dotOn(heap);
    this.#imports = [product.sequence, this.#dot, ...(weigh ? [weigh.sequence] : [])];
    this.#at = this.#locals();
    this.#vectors = Array.from({ length: weigh ? 7 : 5 }, (_, i) => this.#address(i));
    [this.#productTable, this.#weightsTable] = [this.#address(TABLES), this.#address(TABLES + 1)];
    this.#fact = Object.fromEntries(LOADED.map((name) => [name, this.#loaded(name)])) as Record<
      (typeof LOADED)[number],
      Local
    >;
  }

  made(): RunSolve {
    const f = this.#f;
    const { done, most } = this.#at;
    this.#begin();
    f.block((end) => {
      f.loop((again) => {
        f.get(done, most).do('i32.ge_u').brIf(end);
        f.get(this.#fact.best, this.#fact.goal).do('f64.gt', 'i32.eqz').brIf(end);
        this.#multiply();
        if (this.#isCg) this.#chooseStep();
        this.#residualAfter();
        this.#judge(end);
        this.#move();
        f.advance(done, 1);
        this.#keepNearest();
        f.get(this.#fact.least, this.#at.residual).do('f64.min').set(this.#fact.least);
        this.#keepBest();
        this.#leave();
        f.br(again);
      });
    });
    f.get(done);
    return instantiated(memoryOf(this.#heap), [f], this.#imports).solve as RunSolve;
  }

  #locals() {
    const f = this.#f;
    const [table, facts, bytes, most, keeps] = f.parameters;
    const [done, numbers] = f.locals('i32', 'i32');
    const [along, alpha, residual, curvature] = f.locals('f64', 'f64', 'f64', 'f64');
    const given = { table, facts, bytes, most, keeps };
    return { ...given, done, numbers, along, alpha, residual, curvature };
  }

  #address(place: number): Local {
    const local = this.#f.local('i32');
    this.#f
      .get(this.#at.table)
      .memory('i32.load', 4 * place)
      .set(local);
    return local;
  }

  #loaded(name: keyof typeof FACTS): Local {
    const local = this.#f.local('f64');
    this.#f.get(this.#at.facts).memory('f64.load', FACTS[name]).set(local);
    return local;
  }

  #update(...outputs: Update['outputs']): void {
    const found = updateOn(this.#heap, { vectors: this.#vectors.length, numbers: 4, outputs });
    if (!this.#imports.includes(found)) this.#imports.push(found);
    this.#f.get(this.#at.bytes, this.#at.numbers, ...this.#vectors).call(found);
  }

  /** Puts a number where updates find it. */
  #put(index: number, value: () => void): void {
    this.#f.get(this.#at.numbers);
    value();
    this.#f.do('f32.demote_f64').memory('f32.store', 4 * index);
  }

  #inner(x: number, y: number) {
    return innerProduct(this.#f, this.#dot, this.#vectors[x]!, this.#vectors[y]!, this.#at.bytes);
  }

  /** What A is multiplied by. */
  get #direction(): number {
    return this.#isCg ? P : R;
  }

  /** Where the vectors are whose usual inner products with others are those of the space. */
  get #weighed(): { p: number; q: number } {
    return this.#weigh ? { p: WEIGHED_P, q: WEIGHED_R } : { p: P, q: Q };
  }

  #begin(): void {
    const f = this.#f;
    const { facts, numbers, alpha, along, curvature } = this.#at;
    f.get(facts).i32(FACTS.numbers).do('i32.add').set(numbers);
    this.#put(SHIFT, () => f.get(this.#fact.shift));
    if (!this.#isCg) f.get(this.#fact.scalar).set(alpha).f64(1).set(along).f64(1).set(curvature);
  }

  /** Q ← A times the direction, shifted. */
  #multiply(): void {
    const f = this.#f;
    f.get(this.#productTable).call(this.#product);
    f.get(this.#fact.shift).f64(0).do('f64.gt');
    f.if(() => this.#update({ to: Q, formula: axpy(SHIFT, this.#direction, Q) }));
  }

  /** Of conjugate gradients: α = ⟨r, r⟩ / ⟨p, A p⟩, and the curvature along p above the floor. */
  #chooseStep(): void {
    const f = this.#f;
    const { along, alpha, curvature } = this.#at;
    const { scalar, floor } = this.#fact;
    const { p } = this.#weighed;
    this.#inner(p, Q).set(along);
    f.get(scalar, along).do('f64.div').set(alpha);
    f.get(along).set(curvature);
    f.get(floor).f64(0).do('f64.gt');
    f.if(() => {
      f.get(along, floor);
      this.#inner(P, p).do('f64.mul', 'f64.sub').set(curvature);
    });
  }

  /** Q ← r − α A p, and its square. */
  #residualAfter(): void {
    const f = this.#f;
    const { alpha, residual } = this.#at;
    this.#put(MINUS, () => f.f64(0).get(alpha).do('f64.sub'));
    this.#put(PLUS, () => f.get(alpha));
    this.#update({ to: Q, formula: axpy(MINUS, Q, R) });
    if (this.#weigh) f.get(this.#weightsTable).call(this.#weigh);
    this.#inner(Q, this.#weighed.q).set(residual);
  }

  /** Ends the loop before a step that cannot be taken. */
  #judge(end: Label): void {
    const f = this.#f;
    const { residual, curvature } = this.#at;
    const { limit, growth, least } = this.#fact;
    // A NaN in either is less than nothing, and nothing is less than it.
    f.f64(0).get(curvature).do('f64.lt', 'i32.eqz').brIf(end);
    f.get(residual, limit).do('f64.lt', 'i32.eqz').brIf(end);
    f.get(residual, growth, least).do('f64.mul', 'f64.lt', 'i32.eqz').brIf(end);
  }

  #move(): void {
    if (!this.#isCg) {
      this.#update({ to: X, formula: axpy(PLUS, R, X) }, { to: R, formula: vector(Q) });
      return;
    }
    const f = this.#f;
    const { residual } = this.#at;
    const { scalar } = this.#fact;
    this.#put(BETA, () => f.get(residual, scalar).do('f64.div'));
    this.#update(
      { to: X, formula: axpy(PLUS, P, X) },
      { to: P, formula: axpy(BETA, P, Q) },
      { to: R, formula: vector(Q) },
      ...(this.#weigh ? [{ to: WEIGHED_P, formula: axpy(BETA, WEIGHED_P, WEIGHED_R) }] : []),
    );
    f.get(residual).set(scalar);
  }

  #keepNearest(): void {
    const f = this.#f;
    f.get(this.#at.keeps).i32(KEEPS.nearest).do('i32.eq');
    f.if(() => {
      f.get(this.#at.residual, this.#fact.least).do('f64.lt');
      f.if(() => this.#update({ to: BEST, formula: vector(X) }));
    });
  }

  #keepBest(): void {
    const f = this.#f;
    const { residual, keeps } = this.#at;
    const { best } = this.#fact;
    f.block((kept) => {
      f.get(keeps).i32(KEEPS.best).do('i32.eq');
      f.if(() => {
        f.get(residual, best).do('f64.lt', 'i32.eqz').brIf(kept);
        this.#update({ to: BEST, formula: vector(X) });
      });
      f.get(residual).set(best);
    });
  }

  /** Leaves the facts for whoever called. */
  #leave(): void {
    const { facts, residual, curvature } = this.#at;
    const { scalar, best, least } = this.#fact;
    for (const [name, value] of Object.entries({ scalar, best, residual, curvature, least })) {
      this.#f.get(facts, value).memory('f64.store', FACTS[name as keyof typeof FACTS]);
    }
  }
}
