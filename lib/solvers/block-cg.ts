import type { LinearOperator, Space } from '../spaces';
import { kept, numbersOf, productsOf } from './in-turns';

/** What several right-hand sides have led to. */
export interface BlockSolution<V> {
  /** For each right-hand side an approximate solution, kept; the caller's. */
  values: V[];
  /** For each, the iterations that it took part in. */
  iterations: number[];
}

export interface BlockOptions {
  /** The relative residual that counts as solved. */
  tolerance: number;
  maxIterations: number;
}

/** Solutions, their residuals, and what the next directions are made of. */
interface Block<V> {
  X: V[];
  R: V[];
  Z: V[];
}

/**
 * Block conjugate gradients: `A xᵢ = bᵢ` for symmetric positive definite A and several `bᵢ` at once.
 *
 * Iterate k minimises the energy of each `xᵢ` over the sum of all their Krylov spaces, so that it needs
 * no more iterations than a right-hand side by itself, and fewer where several find the outliers of the
 * spectrum together. An iteration costs a product for each direction of the block: directions that
 * depend on others are left out, and so are right-hand sides that are solved.
 *
 * Timers have their turns between vectors, and within products that are offered in pieces; `applyAll` is one call.
 *
 * What is returned may be inexact by rounding; it is for a solver that begins there and looks at the
 * residual. If A turns out not to be positive definite, it returns the best iterate so far.
 *
 * @returns undefined for a right-hand side that is zero or not finite
 * @see O'Leary, [The block conjugate gradient
 *   algorithm](https://doi.org/10.1016/0024-3795(80)90247-5), 1980; Ji & Li, [A breakdown-free block
 *   conjugate gradient method](https://doi.org/10.1007/s10543-016-0631-z), 2017.
 */
export async function blockCg<V, S>(
  space: Space<V, S>,
  A: LinearOperator<V>,
  bs: readonly V[],
  { tolerance, maxIterations }: BlockOptions,
): Promise<BlockSolution<V> | undefined> {
  const lengths = await numbersOf(
    space,
    bs.map((b) => () => space.norm(b)),
  );
  if (!lengths.every((length) => length > 0 && Number.isFinite(length))) return undefined;
  const scaled = (vectors: readonly V[], factor: (i: number) => number) =>
    vectors.map((v, i) => () => space.scale(space.scalars.of(factor(i)), v));
  const iterations = bs.map(() => 0);
  const R = await kept(
    space,
    scaled(bs, (i) => 1 / lengths[i]!),
  );
  let block: Block<V> = { X: [], R, Z: R };
  let active = bs.map((_, i) => i);
  try {
    block.X = await kept(
      space,
      bs.map((b) => () => space.zeros(b)),
    );
    for (let k = 0; k < maxIterations && active.length > 0; k++) {
      const next = await advance(space, A, block, tolerance / 2);
      if (next === undefined) break;
      space.free(block, next.block);
      block = next.block;
      for (const i of active) iterations[i]!++;
      active = next.active;
    }
    const values = await kept(
      space,
      scaled(block.X, (i) => lengths[i]!),
    );
    return { values, iterations };
  } finally {
    space.free(block);
  }
}

/** One iteration, with those right-hand sides that are not solved after it; undefined where it cannot go on. */
async function advance<V, S>(
  space: Space<V, S>,
  A: LinearOperator<V>,
  { X, R, Z }: Block<V>,
  goal: number,
): Promise<{ block: Block<V>; active: number[] } | undefined> {
  const sum = (vectors: readonly V[], coefficients: readonly number[], base: V): V =>
    vectors.reduce((total, v, i) => {
      const next = space.axpy(space.scalars.of(coefficients[i]!), v, total);
      if (i > 0) space.free(total, [vectors, base]);
      return next;
    }, base);
  const dots = (x: readonly V[], y: readonly V[]) =>
    x.flatMap((a) => y.map((b) => () => space.dot(a, b)));
  const rows = (numbers: readonly number[], width: number): number[][] =>
    Array.from({ length: numbers.length / width }, (_, i) =>
      numbers.slice(i * width, (i + 1) * width),
    );

  const gram = rows(await numbersOf(space, dots(Z, Z)), Z.length);
  const basis = orthonormal(gram, space.epsilon);
  if (basis.length === 0) return undefined;
  const held: V[][] = [];
  const hold = async (making: Promise<V[]>): Promise<V[]> => {
    const made = await making;
    held.push(made);
    return made;
  };
  const each = (makers: readonly (() => V)[]) => hold(kept(space, makers));
  let next: Block<V> | undefined;
  try {
    const P = await each(basis.map((c) => () => sum(Z, c, space.zeros(Z[0]!))));
    const Q = await hold(productsOf(space, A, P));
    const facts = rows(await numbersOf(space, dots(P, [...Q, ...R])), Q.length + R.length);
    const M = facts.map((row) => row.slice(0, P.length));
    const solve = cholesky(M);
    const floor = A.floor ?? 0;
    const isAbove =
      floor === 0 || cholesky(M.map((row, i) => row.map((x, j) => (i === j ? x - floor : x))));
    if (!solve || !isAbove) return undefined;
    const steps = R.map((_, i) => solve(facts.map((row) => row[P.length + i]!)));
    const nextX = await each(X.map((x, i) => () => sum(P, steps[i]!, x)));
    const nextR = await each(
      R.map((r, i) => () => {
        const back = steps[i]!.map((a) => -a);
        return sum(Q, back, r);
      }),
    );
    const after = await numbersOf(space, [
      ...nextR.map((r) => () => space.norm(r)),
      ...dots(Q, nextR),
    ]);
    if (!after.every(Number.isFinite)) return undefined;
    const residuals = after.slice(0, R.length);
    const cross = rows(after.slice(R.length), R.length);
    const active = residuals.flatMap((residual, i) => (residual > goal ? [i] : []));
    const nextZ = await each(
      active.map((i) => () => {
        const conjugate = solve(cross.map((row) => -row[i]!));
        return space.scale(space.scalars.of(1 / residuals[i]!), sum(P, conjugate, nextR[i]!));
      }),
    );
    next = { X: nextX, R: nextR, Z: nextZ };
    return { block: next, active };
  } finally {
    space.free(held, next);
  }
}

/**
 * Coefficients of an orthonormal basis of what vectors span, from their inner products: Gram and
 * Schmidt, the longest remainder next. What is left of a vector that the others make up, within rounding, is left out.
 */
function orthonormal(gram: readonly number[][], epsilon: number): number[][] {
  const size = gram.length;
  const product = (x: readonly number[], y: readonly number[]) =>
    x.reduce((sum, a, i) => sum + a * y.reduce((inner, b, j) => inner + gram[i]![j]! * b, 0), 0);
  const basis: number[][] = [];
  const left = new Set(gram.keys());
  while (left.size > 0) {
    let longest: { i: number; rest: number[]; share: number } | undefined;
    for (const i of left) {
      const unit = Array.from({ length: size }, (_, j) => (i === j ? 1 : 0));
      // Twice, since once leaves rounding of what was taken away.
      const once = without(unit, basis, product);
      const rest = without(once, basis, product);
      const share = product(rest, rest) / gram[i]![i]!;
      if (longest === undefined || share > longest.share) longest = { i, rest, share };
    }
    const { i, rest, share } = longest!;
    if (!(share > 100 * epsilon)) break;
    const length = Math.sqrt(product(rest, rest));
    basis.push(rest.map((x) => x / length));
    left.delete(i);
  }
  return basis;
}

const without = (
  x: readonly number[],
  basis: readonly number[][],
  product: (x: readonly number[], y: readonly number[]) => number,
): number[] =>
  basis.reduce<number[]>(
    (rest, c) => {
      const along = product(c, x);
      return rest.map((value, j) => value - along * c[j]!);
    },
    [...x],
  );

/** Solves with a symmetric matrix; undefined where it is not positive definite. */
function cholesky(A: readonly number[][]): ((b: readonly number[]) => number[]) | undefined {
  const size = A.length;
  const L = A.map(() => new Float64Array(size));
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let value = (A[i]![j]! + A[j]![i]!) / 2;
      for (let k = 0; k < j; k++) value -= L[i]![k]! * L[j]![k]!;
      if (i === j && !(value > 0)) return undefined;
      L[i]![j] = i === j ? Math.sqrt(value) : value / L[j]![j]!;
    }
  }
  return (b) => {
    const x = [...b];
    for (let i = 0; i < size; i++) {
      for (let k = 0; k < i; k++) x[i]! -= L[i]![k]! * x[k]!;
      x[i]! /= L[i]![i]!;
    }
    for (let i = size - 1; i >= 0; i--) {
      for (let k = i + 1; k < size; k++) x[i]! -= L[k]![i]! * x[k]!;
      x[i]! /= L[i]![i]!;
    }
    return x;
  };
}
