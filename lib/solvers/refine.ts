import { gains, resultOf, stateAt, type Truth, troubleOf } from './accept';
import type { Control } from './control';
import { begin } from './first-iterate';
import { improve } from './improve';
import { energyOf, inPieces, residualAt, SLACK } from './method';
import type { SolveState } from './solve-state';
import type { SolverStatus } from './solver';

/** Improves the verified iterate until it is good enough or gets no better; returns the status. */
export function* refine<V, S>(
  control: Control<V, S, number>,
  run: SolveState<V, S>,
): Generator<readonly S[], SolverStatus, number[]> {
  const { method } = run;
  const { space } = run.system;
  const solved = () => run.verified.residual <= SLACK ** 2 * run.goal;
  for (;;) {
    const steps = run.iterations;
    yield* improve(control, run);
    const trouble = run.sound === 0 ? troubleOf(run.curvature) : undefined;
    const chosen = resultOf(control, run);
    space.free(run.best, [run.start, run.current, chosen, run.verified]);
    run.best = chosen;
    if (run.iterations === steps) return solved() ? 'converged' : (trouble ?? 'max-iterations');
    // Whether or not there is a restart, it would begin at the best iterate alone.
    space.free([run.current, run.fallback], [run.start, run.best, run.verified]);

    const claimed = run.best.residual <= run.goal;
    if (!run.isToVerify(claimed) && Number.isFinite(run.best.residual)) {
      const { verified: before, best } = run;
      run.verified = { x: best.x, residual: best.residual, energy: 0 };
      if (before.x !== run.start) space.free(before, [run.current, best]);
      return claimed ? 'converged' : (trouble ?? 'max-iterations');
    }

    // A recurrence drifts from the truth by rounding, so what it claims is looked at.
    const before = run.verified;
    const now = yield* lookedAt(run);
    const { sound } = run;
    if (!gains(control.scalars, method, now, before, { sound, epsilon: space.epsilon })) {
      if (solved()) return 'converged';
      return trouble ?? (Number.isFinite(now.residual) ? 'max-iterations' : 'diverged');
    }
    run.verified = { x: run.best.x, ...now };
    if (before.x !== run.start) space.free(before, [run.current, run.best]);
    if (solved()) return 'converged';
    if (trouble !== undefined) return trouble;
    // From a residual that fell by half the method goes on; from one that did not, it cannot.
    if (now.residual > before.residual / 4 || run.computed >= run.maxIterations)
      return 'max-iterations';
    yield* restart(control, run);
  }
}

/** `‖b − A x‖²` of the best iterate, and its energy where the method minimises it. */
function* lookedAt<V, S>({
  system,
  method,
  best,
}: SolveState<V, S>): Generator<readonly S[], Required<Truth<number>>, number[]> {
  const { space } = system;
  const product = yield* inPieces(system, best.x);
  const facts = space.keep(
    space.tidy(() => {
      const r = residualAt(system, best.x, product);
      const squared = space.dot(r, r);
      return method.minimisesEnergy ? [squared, energyOf(system, best.x, r)] : [squared];
    }),
  );
  space.free(product);
  try {
    const [residual, energy = Number.POSITIVE_INFINITY] = yield facts;
    return { residual: residual!, energy };
  } finally {
    space.free(facts);
  }
}

/** Begins again at the verified iterate, without the effects of rounding. */
function* restart<V, S>(
  control: Control<V, S, number>,
  run: SolveState<V, S>,
): Generator<readonly S[], void, number[]> {
  const { system, method, current, best, verified, iterations, computed } = run;
  const next = yield* begin(system, method, verified.x);
  Object.assign(run, stateAt(control, run, next, verified.residual), { iterations, computed });
  system.space.free([current, best], [next, verified]);
}
