import { FunctionBody, instantiated } from '../../backends/wasm/assembler';
import { type Formula, type Update, updateOn } from '../../backends/wasm/fused/updates';
import { type Heap, memoryOf } from '../../backends/wasm/kernels/heap';
import type { Prepared } from '../traced';
import { dotOn, innerProduct, squaredNorm } from './dot';

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
  /** Numbers of float32. */
  numbers: 72,
} as const;
/** The size of all that, in numbers of float32. */
export const FACTS_SIZE = 22;

/**
 * Iterations of a solve in one call: addresses of the table of the vectors x, r, p, A p and the best
 * x, of the facts, and whether the iterate of least residual is kept; returns how many were taken. It
 * ends before one that is no good.
 */
export type RunSolve = (
  table: number,
  facts: number,
  bytes: number,
  count: number,
  keepsBest: number,
) => number;

const [X, R, P, Q, BEST] = [0, 1, 2, 3, 4];
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

const made = new WeakMap<Prepared['sequence'], Map<'cg' | 'richardson', RunSolve>>();

/** The loop of a method around a product q ← A p (or A r), made once for as long as the product's program. */
export function solveOn(heap: Heap, product: Prepared, method: 'cg' | 'richardson'): RunSolve {
  const known = made.get(product.sequence) ?? new Map<'cg' | 'richardson', RunSolve>();
  made.set(product.sequence, known);
  const found = known.get(method) ?? loopOf(heap, product, method);
  known.set(method, found);
  return found;
}

function loopOf(heap: Heap, product: Prepared, method: 'cg' | 'richardson'): RunSolve {
  const dot = dotOn(heap);
  const imports = [product.sequence, dot];
  const update = (outputs: Update['outputs']) => {
    const found = updateOn(heap, { vectors: 5, numbers: 4, outputs });
    if (!imports.includes(found)) imports.push(found);
    return found;
  };
  const f = new FunctionBody('solve', {
    parameters: ['i32', 'i32', 'i32', 'i32', 'i32'],
    results: ['i32'],
  });
  const [table, facts, bytes, count, keepsBest] = f.parameters;
  const done = f.local('i32');
  const numbers = f.local('i32');
  f.get(facts!).i32(FACTS.numbers).do('i32.add').set(numbers);
  const vectors = [X, R, P, Q, BEST].map((i) => {
    const address = f.local('i32');
    f.get(table!)
      .memory('i32.load', 4 * i)
      .set(address);
    return address;
  });
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
  const [least, growth] = [loaded('least'), loaded('growth')];
  const [along, alpha, residual] = [f.local('f64'), f.local('f64'), f.local('f64')];
  const updated = (...outputs: Update['outputs']) =>
    f.get(bytes!, numbers, ...vectors).call(update(outputs));
  const isCg = method === 'cg';
  /** What A is multiplied by. */
  const direction = isCg ? P : R;
  const put = (index: number, value: () => void) => {
    f.get(numbers);
    value();
    f.do('f32.demote_f64').memory('f32.store', 4 * index);
  };
  const store = (name: keyof typeof FACTS, value: typeof along) =>
    f.get(facts!, value).memory('f64.store', FACTS[name]);

  put(SHIFT, () => f.get(shift));
  if (!isCg) f.get(scalar).set(alpha).f64(1).set(along);
  f.block((end) => {
    f.loop((again) => {
      f.get(done, count!).do('i32.ge_u').brIf(end);
      f.get(best, goal).do('f64.gt', 'i32.eqz').brIf(end);
      f.i32(product.table).call(product.sequence);
      f.get(shift).f64(0).do('f64.gt');
      f.if(() => updated({ to: Q, formula: axpy(SHIFT, direction, Q) }));
      if (isCg) {
        innerProduct(f, dot, vectors[P]!, vectors[Q]!, bytes!).set(along);
        f.get(scalar, along).do('f64.div').set(alpha);
      }
      put(MINUS, () => f.f64(0).get(alpha).do('f64.sub'));
      put(PLUS, () => f.get(alpha));
      updated({ to: Q, formula: axpy(MINUS, Q, R) });
      squaredNorm(f, dot, vectors[Q]!, bytes!).set(residual);
      // A NaN in either is less than nothing, and nothing is less than it.
      f.f64(0).get(along).do('f64.lt', 'i32.eqz').brIf(end);
      f.get(residual, limit).do('f64.lt', 'i32.eqz').brIf(end);
      f.get(residual, growth, least).do('f64.mul', 'f64.lt', 'i32.eqz').brIf(end);
      if (isCg) {
        put(BETA, () => f.get(residual, scalar).do('f64.div'));
        updated(
          { to: X, formula: axpy(PLUS, P, X) },
          { to: P, formula: axpy(BETA, P, Q) },
          { to: R, formula: vector(Q) },
        );
        f.get(residual).set(scalar);
      } else {
        updated({ to: X, formula: axpy(PLUS, R, X) }, { to: R, formula: vector(Q) });
      }
      f.advance(done, 1);
      f.get(least, residual).do('f64.min').set(least);
      f.block((kept) => {
        f.get(keepsBest!).if(() => {
          f.get(residual, best).do('f64.lt', 'i32.eqz').brIf(kept);
          updated({ to: BEST, formula: vector(X) });
        });
        f.get(residual).set(best);
      });
      store('scalar', scalar);
      store('best', best);
      store('residual', residual);
      store('curvature', along);
      store('least', least);
      f.br(again);
    });
  });
  f.get(done);
  return instantiated(memoryOf(heap), [f], imports).solve as RunSolve;
}
