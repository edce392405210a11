import type * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import { inPortions, isTurnDue, type Pausing } from '../event-loop';
import type { LinearSolver } from '../solvers';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import { takeProximalStep } from './proximal';
import type { PausingProblem } from './proximal-run';
import type { ProximalStep } from './proximal-types';
import { checkUnmoved, dataOf, type NamedVariables, pick, stepNotFinite } from './variables';

/** A loss of variables, which parameters of it step implicitly, and how. */
export interface ExactStepPlan {
  /** Kept; the caller's. */
  loss(): Pausing<tf.Scalar>;
  record(): Pausing<Curvature>;
  /** What {@link record} recorded at the variables as they are; this function disposes it. */
  first: Curvature;
  /** Those that move. */
  variables: NamedVariables;
  block: readonly string[];
  stepSize: number;
  solver: LinearSolver;
  tolerance?: number;
  maxIterations?: number;
}

/**
 * Moves the variables of the block by the exact implicit step, with the others held where they are;
 * the others by the plain step from the gradient at the start.
 *
 * While it waits for numbers, the variables are as they were: trial values are theirs only while a
 * portion of the loss or of its gradient is computed. So they are after an error too.
 *
 * @throws InputError if other code has moved the variables in the meantime.
 */
export async function exactStep(plan: ExactStepPlan): Promise<Omit<ProximalStep, 'value'>> {
  const { variables, block, stepSize, solver, tolerance, maxIterations } = plan;
  const start = tensors.keep(mapTensors(variables, (variable) => variable.clone()));
  const assign = (values: NamedTensors) => {
    for (const name of Object.keys(values)) variables[name]!.assign(values[name]!);
  };
  // From here on the very same data, so that it shows whether they are assigned to.
  assign(start);
  const at = <T>(y: NamedTensors, f: () => T): T => {
    checkUnmoved(variables, dataOf(start), 'an exact step');
    assign(y);
    try {
      return f();
    } finally {
      assign(pick(start, block));
    }
  };
  const inPieces = <T>(y: NamedTensors, work: Pausing<T>): Pausing<T> =>
    inPortions(work, (portion) =>
      at(y, () => {
        let turn = portion();
        // Values are assigned for a turn's worth of work, not for each portion of it.
        while (!turn.done && !isTurnDue()) turn = portion();
        return turn;
      }),
    );
  const rest = Object.keys(variables).filter((name) => !block.includes(name));
  let first: Curvature | undefined = plan.first;
  let moved: NamedTensors | undefined;
  try {
    moved = tensors.keep(
      tensors.tidy(() => {
        const step = tensors.scalars.of(-stepSize);
        const g = pick(plan.first.gradient, rest);
        return rest.length === 0 ? {} : tensors.axpy(step, g, pick(start, rest));
      }),
    );
    const problem: PausingProblem = {
      loss: (y) => inPieces(y, plan.loss()),
      *curvatureAt(y) {
        const known = first;
        first = undefined;
        return known ?? (yield* inPieces(y, plan.record()));
      },
    };
    const options = {
      solver,
      ...(tolerance !== undefined && { tolerance }),
      ...(maxIterations !== undefined && { maxIterations }),
    };
    const { value, ...report } = await takeProximalStep(
      problem,
      pick(start, block),
      stepSize,
      options,
    );
    moved = { ...moved, ...value };
    await checkReached(moved, report.loss);
    checkUnmoved(variables, dataOf(start), 'an exact step');
    assign(moved);
    return report;
  } finally {
    first?.dispose();
    tensors.free([start, moved]);
  }
}

/** @throws NotFiniteError for a value that is not finite. */
async function checkReached(reached: NamedTensors, loss: number): Promise<void> {
  const norm = tensors.keep(tensors.norm(reached));
  const [value] = await tensors.read([norm]);
  norm.dispose();
  if (Number.isFinite(value)) return;
  throw stepNotFinite(loss);
}
