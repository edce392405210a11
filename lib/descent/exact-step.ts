import type * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import type { LinearSolver } from '../solvers';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import { proximalStep } from './proximal';
import type { ProximalStep } from './proximal-types';
import { checkUnmoved, dataOf, type NamedVariables, pick, stepNotFinite } from './variables';

/** A loss of variables, which parameters of it step implicitly, and how. */
export interface ExactStepPlan {
  loss(): tf.Scalar;
  record(): Curvature;
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
 * While it waits for numbers, the variables are as they were: trial values are theirs only while the
 * loss is computed. So they are after an error too.
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
    const problem = {
      loss: (y: NamedTensors) => at(y, plan.loss),
      curvatureAt(y: NamedTensors) {
        const recorded = first ?? at(y, plan.record);
        first = undefined;
        return recorded;
      },
    };
    const options = {
      solver,
      ...(tolerance !== undefined && { tolerance }),
      ...(maxIterations !== undefined && { maxIterations }),
    };
    const { value, ...report } = await proximalStep(problem, pick(start, block), stepSize, options);
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
