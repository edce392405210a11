import type { LoopStop, Space } from '../spaces';
import {
  divideOrZero,
  freeingIfItThrows,
  type Iterate,
  type IterativeMethod,
  type LinearSystem,
  negate,
  ROUNDING,
} from './method';

/** A residual that falls by less than this points hardly anywhere new. */
const FALLS = 0.9;

/**
 * Steps along directions p whose images `q = A p` are orthonormal: each makes `‖b − A x‖` the
 * smallest in the Krylov space of `r, Ar, …` so far.
 *
 * The next direction comes from the residual while that falls, from the last image when it does
 * not: either choice alone breaks down, or loses its independence. x and r are at hand in every
 * step and r is what is left of `b − A x`, not an entry of a rotated right-hand side: no small
 * residual is claimed where there is none, which rotations do when A is singular.
 *
 * @param keep how many directions are remembered; of a symmetric A the last two are enough
 * @param restart after how many all are forgotten
 * @see Jiránek & Rozložník, [Adaptive version of simpler
 *   GMRES](https://doi.org/10.1007/s11075-009-9311-1), Numerical Algorithms 53, 2010.
 */
export function minimalResiduals(
  keep: number,
  restart = Number.POSITIVE_INFINITY,
): IterativeMethod {
  const heldOf = (directions: Record<string, unknown>) => countHeld(directions, restart);
  return {
    isScaleFree: true,
    begin<V, S>({ space }: LinearSystem<V, S>, x: V, r: V): Iterate<V, S> {
      const { of } = space.scalars;
      const residual = space.dot(r, r);
      const scalars = { before: residual, normA: of(0) };
      return { x, residual, curvature: of(1), vectors: { r }, scalars };
    },

    direction<V, S>({ space }: LinearSystem<V, S>, { residual, vectors, scalars }: Iterate<V, S>) {
      const { r, ...directions } = vectors as { r: V } & Record<string, V>;
      const { before } = scalars as { before: S };
      const last = directions[`q${heldOf(directions) - 1}`];
      return nextDirection(space, r, residual, before, last);
    },

    advanceMany: (system, iterate, scalars, stop) =>
      inOneCall(system, iterate, scalars, stop, { keep, restart }),

    advance<V, S>(
      { space }: LinearSystem<V, S>,
      { x, residual, ...memory }: Iterate<V, S>,
      direction: V,
      image: V,
    ) {
      const { of, sqrt, multiply, less, select } = space.scalars;
      const { r, ...directions } = memory.vectors as { r: V } & Record<string, V>;
      const { normA: normBefore } = memory.scalars as { normA: S };
      const held = heldOf(directions);

      let [p, q] = [direction, image];
      const length = space.dot(q, q);
      const normA = select(less(normBefore, length), length, normBefore);
      for (let i = held - 1; i >= 0; i--) {
        const share = negate(space, space.dot(q, directions[`q${i}`]!));
        p = space.axpy(share, directions[`p${i}`]!, p);
        q = space.axpy(share, directions[`q${i}`]!, q);
      }
      // A p that A has all but annihilated: its image is rounding, and no step is taken.
      const left = space.dot(q, q);
      const floor = multiply(of((ROUNDING * space.epsilon) ** 2), multiply(normA, space.dot(p, p)));
      const unit = select(less(floor, left), divideOrZero(space, of(1), sqrt(left)), of(0));
      p = space.scale(unit, p);
      q = space.scale(unit, q);

      const share = space.dot(r, q);
      const nextR = space.axpy(negate(space, share), q, r);
      return {
        x: space.axpy(share, p, x),
        residual: space.dot(nextR, nextR),
        curvature: of(1),
        vectors: { r: nextR, ...remember(directions, held, keep, p, q) },
        scalars: { before: residual, normA },
      };
    },
  };
}

/** How many directions p, q are remembered, after as many all are forgotten. */
function countHeld(directions: Record<string, unknown>, restart: number): number {
  const count = Object.keys(directions).length / 2;
  return count === restart ? 0 : count;
}

/** Many iterations in one call, where the operator has such a loop. */
function inOneCall<V, S>(
  { space, A }: LinearSystem<V, S>,
  { x, vectors }: Iterate<V, S>,
  { residual, before, normA }: Readonly<Record<string, number>>,
  { keepsBest, ...stop }: LoopStop & { keepsBest: boolean },
  { keep, restart }: { keep: number; restart: number },
) {
  const loop = A.loops?.minimalResiduals;
  if (loop === undefined) return undefined;
  const { r, ...directions } = vectors as { r: V } & Record<string, V>;
  const held = countHeld(directions, restart);
  // The free ones start as copies of what is at hand.
  const pairs = Math.min(restart > keep ? keep + 1 : keep, held + stop.count);
  const copied = () => ({
    x: space.clone(x),
    r: space.clone(r),
    ...(keepsBest && { best: space.clone(x) }),
    directions: Array.from({ length: pairs }, (_, i) => ({
      p: space.clone(i < held ? directions[`p${i}`]! : r),
      q: space.clone(i < held ? directions[`q${i}`]! : r),
    })),
  });
  const { best, ...state } = space.keep(space.tidy(copied));
  const numbers = { held, residual: residual!, before: before!, normA: normA! };
  const report = freeingIfItThrows(space, [state, best], () =>
    loop(
      { ...state, ...numbers, ...(best !== undefined && { best }) },
      { keep, restart, falls: FALLS ** 2, rounding: (ROUNDING * space.epsilon) ** 2 },
      stop,
    ),
  );
  space.free(report.directions.slice(report.held));
  const named = report.directions
    .slice(0, report.held)
    .flatMap(({ p, q }, i) => [[`p${i}`, p] as const, [`q${i}`, q] as const]);
  const { of } = space.scalars;
  const next = {
    x: state.x,
    residual: of(report.residual),
    curvature: of(1),
    vectors: { r: state.r, ...Object.fromEntries(named) },
    scalars: { before: of(report.before), normA: of(report.normA) },
  };
  return { next, best, report };
}

/** The residual, at length 1, or the last image if the residual has hardly fallen. */
function nextDirection<V, S>(
  space: Space<V, S>,
  r: V,
  residual: S,
  before: S,
  last: V | undefined,
) {
  const { of, sqrt, multiply, less } = space.scalars;
  const unit = space.scale(divideOrZero(space, of(1), sqrt(residual)), r);
  if (last === undefined) return unit;
  return space.select(less(residual, multiply(of(FALLS ** 2), before)), unit, last);
}

/** The directions p0, q0, p1, q1, … from the oldest to the newest, one more, `keep` at most. */
function remember<V>(directions: Record<string, V>, held: number, keep: number, p: V, q: V) {
  const from = Math.max(0, held + 1 - keep);
  const next: Record<string, V> = {};
  for (let i = from; i < held; i++) {
    next[`p${i - from}`] = directions[`p${i}`]!;
    next[`q${i - from}`] = directions[`q${i}`]!;
  }
  next[`p${held - from}`] = p;
  next[`q${held - from}`] = q;
  return next;
}
