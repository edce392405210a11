import * as tf from '@tensorflow/tfjs';
import { NotFiniteError } from '../errors';
import { type NamedTensors, tensors } from '../spaces';
import { squaredNorms } from './implicit';

/** What an inner step saw before it moved the weights. */
export interface InnerStep {
  loss: number;
  /** `‖∇f‖₂`; undefined for optimizers that keep their gradient to themselves. */
  gradientNorm: number | undefined;
  /** Whether the weights were moved: not where the gradient was small enough. */
  moved: boolean;
}

/**
 * One step of an optimizer on `f`, unless the norm of the gradient is at most `enough` already.
 *
 * @throws NotFiniteError for a loss or a gradient that is not finite, before anything is moved if
 *   the optimizer is one of TensorFlow.js' own.
 */
export async function innerStep(
  optimizer: tf.Optimizer,
  f: () => tf.Scalar,
  variables: tf.Variable[],
  enough: number,
): Promise<InnerStep> {
  // An optimizer with a minimize of its own needs more than gradients: the curvature, say.
  const plain = optimizer.minimize === tf.Optimizer.prototype.minimize;
  if (!plain && enough === 0) {
    const loss = optimizer.minimize(f, true, variables)!;
    const [value] = await tensors.read([loss]);
    loss.dispose();
    requireFinite(value!, 'an inner loss');
    return { loss: value!, gradientNorm: undefined, moved: true };
  }
  const { value, grads } = optimizer.computeGradients(f, variables);
  try {
    const [loss] = await tensors.read([value]);
    const [squared] = await squaredNorms(tensors, [grads]);
    requireFinite(loss!, 'an inner loss');
    requireFinite(squared!, 'the squared norm of an inner gradient');
    const gradientNorm = Math.sqrt(squared!);
    const moved = gradientNorm > enough;
    if (moved && plain) optimizer.applyGradients(grads);
    if (moved && !plain) optimizer.minimize(f, false, variables);
    return { loss: loss!, gradientNorm, moved };
  } finally {
    tf.dispose([value, ...Object.values(grads)]);
  }
}

/** Gives variables the values of tensors of the same names. */
export function assign(variables: Record<string, tf.Variable>, values: NamedTensors): void {
  for (const name of Object.keys(variables)) {
    // A copy, because a variable takes the tensor it is given for its own.
    variables[name]!.assign(values[name]!.clone());
  }
}

function requireFinite(value: number, what: string): void {
  if (Number.isFinite(value)) return;
  throw new NotFiniteError({
    given: `${what} of ${value}`,
    expected: 'a finite number',
    remedy: 'Look for a NaN in the batch, or take shorter inner steps.',
  });
}
