import type { LoopStop } from '../spaces';
import {
  freeingIfItThrows,
  type Iterate,
  type IterativeMethod,
  type LinearSystem,
  negate,
} from './method';

/**
 * `x ← x + α (b − A x)`: from zero, K steps add up the K terms `α Σ_{k<K} (I − αA)ᵏ b`.
 *
 * The residual is carried along, `r ← r − αA r`, so that a step is one product and the residual
 * after the last one costs nothing more.
 */
export function richardson(
  scale: <V, S>(system: LinearSystem<V, S>, r: V) => S,
  kind: Pick<IterativeMethod, 'contracts' | 'sums' | 'prepare'> = {},
): IterativeMethod {
  return {
    ...kind,
    begin<V, S>(system: LinearSystem<V, S>, x: V, r: V): Iterate<V, S> {
      const { space } = system;
      return {
        x,
        residual: space.dot(r, r),
        curvature: space.scalars.of(1),
        vectors: { r },
        scalars: { alpha: scale(system, r) },
      };
    },
    last: <V, S>({ space }: LinearSystem<V, S>, { x, vectors, scalars }: Iterate<V, S>) =>
      space.axpy(scalars.alpha!, vectors.r!, x),
    direction: <V, S>(_: LinearSystem<V, S>, { vectors }: Iterate<V, S>) => vectors.r!,
    advanceMany<V, S>(
      { space, A }: LinearSystem<V, S>,
      { x, vectors }: Iterate<V, S>,
      { alpha }: Readonly<Record<string, number>>,
      {
        keepsBest,
        keepsNearest,
        ...stop
      }: LoopStop & Record<'keepsBest' | 'keepsNearest', boolean>,
    ) {
      const richardson = A.loops?.richardson;
      if (richardson === undefined) return undefined;
      const copied = () => ({
        x: space.clone(x),
        r: space.clone(vectors.r!),
        ...(keepsBest && { best: space.clone(x) }),
        ...(keepsNearest && { nearest: space.clone(x) }),
      });
      const state = space.keep(space.tidy(copied));
      const { best, nearest } = state;
      const report = freeingIfItThrows(space, state, () =>
        richardson({ ...state, alpha: alpha! }, stop),
      );
      const { of } = space.scalars;
      const next = {
        x: state.x,
        residual: of(report.residual),
        curvature: of(report.curvature),
        vectors: { r: state.r },
        scalars: { alpha: of(alpha!) },
      };
      return { next, best, ...(nearest !== undefined && { nearest }), report };
    },
    advance<V, S>({ space }: LinearSystem<V, S>, { x, ...memory }: Iterate<V, S>, r: V, Ar: V) {
      const { alpha } = memory.scalars as { alpha: S };
      const nextR = space.axpy(negate(space, alpha), Ar, r);
      return {
        x: space.axpy(alpha, r, x),
        residual: space.dot(nextR, nextR),
        curvature: space.scalars.of(1),
        vectors: { r: nextR },
        scalars: { alpha },
      };
    },
  };
}
