import { FunctionBody, instantiated } from '../../backends/wasm/assembler';
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

function loopOf(
  heap: Heap,
  product: Prepared,
  method: Method,
  weigh: Prepared | undefined,
): RunSolve {
  const dot = dotOn(heap);
  const imports = [product.sequence, dot, ...(weigh ? [weigh.sequence] : [])];
  const count = weigh ? 7 : 5;
  const update = (outputs: Update['outputs']) => {
    const found = updateOn(heap, { vectors: count, numbers: 4, outputs });
    if (!imports.includes(found)) imports.push(found);
    return found;
  };
  const f = new FunctionBody('solve', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: ['i32'],
  });
  const [table, facts, bytes, most, keeps] = f.parameters;
  const done = f.local('i32');
  const numbers = f.local('i32');
  f.get(facts!).i32(FACTS.numbers).do('i32.add').set(numbers);
  const address = (place: number) => {
    const local = f.local('i32');
    f.get(table!)
      .memory('i32.load', 4 * place)
      .set(local);
    return local;
  };
  const vectors = Array.from({ length: count }, (_, i) => address(i));
  const [productTable, weightsTable] = [address(TABLES), address(TABLES + 1)];
  const loaded = (name: keyof typeof FACTS) => {
    const local = f.local('f64');
    f.get(facts!).memory('f64.load', FACTS[name]).set(local);
    return local;
  };
  const [scalar, goal, limit, best, shift] = [
    loaded('scalar'),
    loaded('goal'),
    loaded('limit'),
    loaded('best'),
    loaded('shift'),
  ];
  const [least, growth, floor] = [loaded('least'), loaded('growth'), loaded('floor')];
  const [along, alpha, residual] = [f.local('f64'), f.local('f64'), f.local('f64')];
  const curvature = f.local('f64');
  const updated = (...outputs: Update['outputs']) =>
    f.get(bytes!, numbers, ...vectors).call(update(outputs));
  const isCg = method === 'cg';
  /** What A is multiplied by. */
  const direction = isCg ? P : R;
  /** Where the vector is whose usual inner product with another is that of the space. */
  const [weighedP, weighedQ] = weigh ? [WEIGHED_P, WEIGHED_R] : [P, Q];
  const put = (index: number, value: () => void) => {
    f.get(numbers);
    value();
    f.do('f32.demote_f64').memory('f32.store', 4 * index);
  };
  const store = (name: keyof typeof FACTS, value: typeof along) =>
    f.get(facts!, value).memory('f64.store', FACTS[name]);
  const inner = (x: number, y: number) => innerProduct(f, dot, vectors[x]!, vectors[y]!, bytes!);

  put(SHIFT, () => f.get(shift));
  if (!isCg) f.get(scalar).set(alpha).f64(1).set(along).f64(1).set(curvature);
  f.block((end) => {
    f.loop((again) => {
      f.get(done, most!).do('i32.ge_u').brIf(end);
      f.get(best, goal).do('f64.gt', 'i32.eqz').brIf(end);
      f.get(productTable).call(product.sequence);
      f.get(shift).f64(0).do('f64.gt');
      f.if(() => updated({ to: Q, formula: axpy(SHIFT, direction, Q) }));
      if (isCg) {
        inner(weighedP, Q).set(along);
        f.get(scalar, along).do('f64.div').set(alpha);
        f.get(along).set(curvature);
        f.get(floor).f64(0).do('f64.gt');
        f.if(() => {
          f.get(along, floor);
          inner(P, weighedP).do('f64.mul', 'f64.sub').set(curvature);
        });
      }
      put(MINUS, () => f.f64(0).get(alpha).do('f64.sub'));
      put(PLUS, () => f.get(alpha));
      updated({ to: Q, formula: axpy(MINUS, Q, R) });
      if (weigh) f.get(weightsTable).call(weigh.sequence);
      inner(Q, weighedQ).set(residual);
      // A NaN in either is less than nothing, and nothing is less than it.
      f.f64(0).get(curvature).do('f64.lt', 'i32.eqz').brIf(end);
      f.get(residual, limit).do('f64.lt', 'i32.eqz').brIf(end);
      f.get(residual, growth, least).do('f64.mul', 'f64.lt', 'i32.eqz').brIf(end);
      if (isCg) {
        put(BETA, () => f.get(residual, scalar).do('f64.div'));
        updated(
          { to: X, formula: axpy(PLUS, P, X) },
          { to: P, formula: axpy(BETA, P, Q) },
          { to: R, formula: vector(Q) },
          ...(weigh ? [{ to: WEIGHED_P, formula: axpy(BETA, WEIGHED_P, WEIGHED_R) }] : []),
        );
        f.get(residual).set(scalar);
      } else {
        updated({ to: X, formula: axpy(PLUS, R, X) }, { to: R, formula: vector(Q) });
      }
      f.advance(done, 1);
      f.get(keeps!).i32(KEEPS.nearest).do('i32.eq');
      f.if(() => {
        f.get(residual, least).do('f64.lt');
        f.if(() => updated({ to: BEST, formula: vector(X) }));
      });
      f.get(least, residual).do('f64.min').set(least);
      f.block((kept) => {
        f.get(keeps!).i32(KEEPS.best).do('i32.eq');
        f.if(() => {
          f.get(residual, best).do('f64.lt', 'i32.eqz').brIf(kept);
          updated({ to: BEST, formula: vector(X) });
        });
        f.get(residual).set(best);
      });
      store('scalar', scalar);
      store('best', best);
      store('residual', residual);
      store('curvature', curvature);
      store('least', least);
      f.br(again);
    });
  });
  f.get(done);
  return instantiated(memoryOf(heap), [f], imports).solve as RunSolve;
}
