import type * as tf from '@tensorflow/tfjs';
import type { Curvature } from '../autodiff';
import type { LinearSolver } from '../solvers';
import { mapTensors, type NamedTensors, tensors } from '../spaces';
import { type ProximalStep, proximalStep } from './proximal';
import { move, type NamedVariables, pick } from './variables';

/** A loss of variables, which parameters of it step implicitly, and how. */
export interface ExactStepPlan {
  loss(): tf.Scalar;
  record(): Curvature;
  variables: NamedVariables;
  block: readonly string[];
  /** Names of those that move at all. */
  moving: readonly string[];
  stepSize: number;
  solver: LinearSolver;
}

/**
 * Moves the variables of the block by the exact implicit step, with the others held where they are;
 * then the others, if they are to move, by the plain step from the gradient at the start.
 *
 * Whatever is thrown, the variables are then as they were.
 */
export async function exactStep(plan: ExactStepPlan): Promise<Omit<ProximalStep, 'value'>> {
  const { variables, block, moving, stepSize, solver } = plan;
  const start = tensors.keep(mapTensors(variables, (variable) => variable.clone()));
  const assign = (values: NamedTensors) => {
    for (const name of Object.keys(values)) variables[name]!.assign(values[name]!);
  };
  const rest = moving.filter((name) => !block.includes(name));
  let gradientOfRest: NamedTensors | undefined;
  let reached: NamedTensors | undefined;
  try {
    const problem = {
      loss(y: NamedTensors) {
        assign(y);
        return plan.loss();
      },
      curvatureAt(y: NamedTensors) {
        assign(y);
        const C = plan.record();
        gradientOfRest ??= tensors.keep(mapTensors(pick(C.gradient, rest), (g) => g.clone()));
        return C;
      },
    };
    const { value, ...report } = await proximalStep(problem, pick(start, block), stepSize, {
      solver,
    });
    reached = value;
    assign(reached);
    if (gradientOfRest && rest.length > 0) {
      const loss = tensors.scalars.of(report.loss);
      const step = gradientOfRest;
      tensors.free([move(variables, { step, delta: stepSize, loss, gradient: step }), loss]);
    }
    return report;
  } catch (error) {
    assign(start);
    throw error;
  } finally {
    tensors.free([start, gradientOfRest, reached]);
  }
}
