import { begin } from './first-iterate';
import { improve } from './improve';
import { energyOf, hasFallback, inPieces, residualAt, SLACK } from './method';
import type { SolveState } from './solve-state';
import type { SolverStatus } from './solver';

/** Improves the verified iterate until it is good enough or gets no better; returns the status. */
export function* refine<V, S>(
  run: SolveState<V, S>,
): Generator<readonly S[], SolverStatus, number[]> {
  const { space } = run.system;
  const solved = () => run.verified.residual <= SLACK ** 2 * run.goal;
  const rounding = run.method.contracts ? 1 + Math.sqrt(space.epsilon) : 1;
  for (;;) {
    const steps = run.iterations;
    const trouble = yield* improve(run);
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
    const { truth, energy } = yield* lookedAt(run);
    const gained =
      truth <= rounding * before.residual ||
      energy < before.energy ||
      (run.method.sums === true && trouble === undefined);
    if (!gained || !Number.isFinite(truth)) {
      if (solved()) return 'converged';
      return trouble ?? (Number.isFinite(truth) ? 'max-iterations' : 'diverged');
    }
    run.verified = { x: run.best.x, residual: truth, energy };
    if (before.x !== run.start) space.free(before, [run.current, run.best]);
    if (solved()) return 'converged';
    if (trouble !== undefined) return trouble;
    // From a residual that fell by half the method goes on; from one that did not, it cannot.
    if (truth > before.residual / 4 || run.iterations >= run.maxIterations) return 'max-iterations';
    yield* restart(run);
  }
}

/** `‖b − A x‖²` of the best iterate, and its energy where the method has an eye on it. */
function* lookedAt<V, S>({
  system,
  method,
  best,
}: SolveState<V, S>): Generator<readonly S[], { truth: number; energy: number }, number[]> {
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
    const [truth, energy = Number.POSITIVE_INFINITY] = yield facts;
    return { truth: truth!, energy };
  } finally {
    space.free(facts);
  }
}

/** Begins again at the verified iterate, without the effects of rounding. */
function* restart<V, S>(run: SolveState<V, S>): Generator<readonly S[], void, number[]> {
  const { system, method, current, best, verified } = run;
  const { space } = system;
  run.current = yield* begin(system, method, verified.x);
  run.best = { x: run.current.x, residual: verified.residual };
  if (hasFallback(system, method)) run.fallback = run.best;
  space.free([current, best], [run.current, verified]);
}
