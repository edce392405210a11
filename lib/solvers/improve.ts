import { changeBy } from './accept';
import type { Control } from './control';
import type { LoopState } from './loop-state';
import { advanced, type Iterate, inPieces } from './method';

/**
 * The loop of all iterative solves: advances until the recurrence claims the goal, the iterations are
 * used up, or one cannot be taken; by masks always for all iterations.
 */
export function* improve<V, S, M>(
  control: Control<V, S, M>,
  state: LoopState<V, S, M>,
): Generator<readonly S[], void, number[]> {
  const { space } = state.system;
  while (state.computed < state.maxIterations && !control.isKnownZero(state.active)) {
    if (control.leap !== undefined && (yield* control.leap(state))) continue;
    const before = heldBy(state);
    const next = yield* after(control, state);
    const [residual, curvature] = yield* control.known([next.residual, next.curvature]);
    const facts = { residual: residual!, curvature: curvature! };
    const { taken, change } = control.hold(() => changeBy(control, state, next, facts));
    Object.assign(state, change);
    state.computed += 1;
    space.free([before, next, taken], heldBy(state));
    if (!control.isKnownZero(taken)) control.taken?.(state, facts.residual);
  }
}

/** The vectors and scalars that change with an iteration. */
const heldBy = <V, S, M>(state: LoopState<V, S, M>): unknown[] => {
  const { current, best, fallback, least, active, iterations, curvature, sound } = state;
  return [current, best, fallback, least, active, iterations, curvature, sound];
};

/** The iterate after the current one. */
function* after<V, S, M>(
  { hold }: Control<V, S, M>,
  { system, method, current }: LoopState<V, S, M>,
): Generator<readonly S[], Iterate<V, S>, number[]> {
  const { space, A } = system;
  if (A.applyInPieces === undefined) return hold(() => advanced(system, method, current));
  const p = hold(() => method.direction(system, current));
  let next: Iterate<V, S> | undefined;
  let product: V | undefined;
  try {
    product = yield* inPieces(system, p);
    next = hold(() => method.advance(system, current, p, product!));
    return next;
  } finally {
    space.free([p, product], [current, next]);
  }
}
