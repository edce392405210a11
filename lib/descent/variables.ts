import * as tf from '@tensorflow/tfjs';
import { InputError, NotFiniteError } from '../errors';
import { type NamedTensors, tensors } from '../spaces';

/** Trainable variables by name. */
export type NamedVariables = Record<string, tf.Variable>;

/**
 * The trainable ones among `list`, or of all variables there are, as TensorFlow.js has it.
 *
 * @throws InputError if there is none, or if one has been disposed.
 */
export function trainable(list?: readonly tf.Variable[]): NamedVariables {
  const all = list ?? Object.values(tf.engine().registeredVariables);
  const variables = Object.fromEntries(all.filter((v) => v.trainable).map((v) => [v.name, v]));
  const names = Object.keys(variables);
  const gone = names.find((name) => variables[name]!.isDisposed);
  if (names.length > 0 && gone === undefined) return variables;
  throw new InputError({
    given: gone === undefined ? 'no trainable variable' : `'${gone}', which is disposed`,
    expected: 'at least one live tf.Variable to move',
    remedy: 'Make parameters variables: tf.variable(value, true, name).',
  });
}

/** The part of `x` that has these names. */
export function pick<T>(x: Record<string, T>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, x[name]!]));
}

/** Above this a number counts as overflowed. */
const HUGE = 3e38;

/**
 * Moves variables by `−δ step` if the loss and the step are finite; returns 1 if so, else 0.
 *
 * Where numbers can be read, a step that is not finite throws before any variable has moved. On a
 * GPU it is replaced there by no step, and the 0 returned tells.
 *
 * @throws NotFiniteError as described.
 */
export function move(
  variables: NamedVariables,
  step: NamedTensors,
  loss: tf.Scalar,
  delta: number,
): tf.Scalar {
  const s = tensors.scalars;
  return tensors.tidy(() => {
    const squared = tensors.dot(step, step);
    // The square root first: δ² overflows long before the step does.
    const length = s.multiply(s.of(delta), s.sqrt(squared));
    const sound = s.and(s.less(tf.abs(loss), s.of(HUGE)), s.less(length, s.of(HUGE)));
    const readable = tensors.readableNow();
    if (readable && tensors.readSync([sound])[0] !== 1) {
      const [value, size] = tensors.readSync([loss, squared]) as [number, number];
      throw stepNotFinite(value, size);
    }
    const old: NamedTensors = pick(variables, Object.keys(step));
    const moved = tensors.axpy(s.of(-delta), step, old);
    const next = readable ? moved : tensors.select(sound, moved, old);
    for (const name of Object.keys(step)) variables[name]!.assign(next[name]!);
    return sound;
  });
}

/**
 * Looks at the loss and the gradient before they are built upon, where that needs no waiting.
 *
 * @throws NotFiniteError naming the one that is not finite.
 */
export function checkFinite(loss: tf.Scalar, gradient: NamedTensors): void {
  if (!tensors.readableNow()) return;
  const [value, squared] = tensors.tidy(() =>
    tensors.readSync([loss, tensors.dot(gradient, gradient)]),
  ) as [number, number];
  if (Number.isFinite(value) && Number.isFinite(squared)) return;
  const gradientToo = Number.isFinite(value)
    ? ` whose gradient has the squared norm ${squared}`
    : '';
  throw new NotFiniteError({
    given: `a loss of ${value}${gradientToo}`,
    expected: 'a finite loss with a finite gradient',
    remedy:
      'The weights are as they were. Look for a NaN in the data, a logarithm or root of 0, or a ' +
      'step before that was too long.',
  });
}

/** The error of a step that was not taken. */
export function stepNotFinite(loss: number, squared?: number): NotFiniteError {
  const direction = squared === undefined ? '' : ` and a direction of squared norm ${squared}`;
  return new NotFiniteError({
    given: `a loss of ${loss}${direction}`,
    expected: 'finite numbers',
    remedy: 'The weights are as they were. Look at the step before, or take a smaller rate.',
  });
}
