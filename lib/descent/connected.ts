import * as tf from '@tensorflow/tfjs';
import { engine } from '../backends';
import { InputError } from '../errors';

/**
 * Checks that a loss, just computed while a tape runs, depends on these variables.
 *
 * @param required names that must be among those it depends on; it must depend on one in any case
 * @throws InputError naming the first one that the tape does not lead to.
 */
export function checkConnected(
  loss: tf.Scalar,
  variables: Record<string, tf.Variable>,
  required: readonly string[],
): void {
  // What is no loss at all is the recording's to complain of.
  if (!(loss instanceof tf.Tensor)) return;
  const reached = reachedFrom(loss);
  const missing = required.find((name) => !reached.has(variables[name]!.id));
  const none = !Object.values(variables).some(({ id }) => reached.has(id));
  if (missing === undefined && !none) return;
  throw new InputError({
    given:
      missing === undefined
        ? `a loss that depends on none of ${Object.keys(variables).join(', ')}`
        : `the variable '${missing}', on which the loss does not depend`,
    expected: 'a loss computed from the variables that it is to move',
    remedy:
      'Use the tf.Variable itself inside the loss, not a copy or its numbers, or leave it out of ' +
      'the list.',
  });
}

/** The ids of the tensors from which the running tape leads to `target`. */
function reachedFrom(target: tf.Tensor): ReadonlySet<number> {
  const makers = new Map<number, tf.Tensor[]>();
  for (const { inputs, outputs } of engine().state.activeTape ?? []) {
    for (const output of outputs) makers.set(output.id, Object.values(inputs));
  }
  const reached = new Set([target.id]);
  for (const id of reached) {
    for (const input of makers.get(id) ?? []) if (input != null) reached.add(input.id);
  }
  return reached;
}
