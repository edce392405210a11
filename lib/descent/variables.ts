import * as tf from '@tensorflow/tfjs';
import { DisposedError, InputError, NotFiniteError } from '../errors';
import { type NamedTensors, tensors } from '../spaces';

/** Trainable variables by name. */
export type NamedVariables = Record<string, tf.Variable>;

/** The part of `x` that has these names. */
export function pick<T>(x: Record<string, T>, names: readonly string[]): Record<string, T> {
  return Object.fromEntries(names.map((name) => [name, x[name]!]));
}

/** Above this a number counts as overflowed. */
const HUGE = 3e38;

/** A step `x⁺ = x − δ step`, with the loss and the gradient that it comes from. */
export interface Move {
  step: NamedTensors;
  delta: number;
  loss: tf.Scalar;
  /** As the step saw it: clipped, if it was. */
  gradient: NamedTensors;
  /** What the optimizer will remember of the step, such as moments. */
  memory?: readonly NamedTensors[];
}

/**
 * Moves variables if the loss, its gradient, the step and what is remembered of it are finite; returns 1 if so, else 0.
 *
 * Where numbers can be read, the loss and the gradient have been looked at before
 * ({@link checkFinite}), and a step that is not finite throws before any variable has moved. On a
 * GPU all three are looked at here: a step that is not finite is
 * replaced there by none, and 0 is returned.
 *
 * @throws NotFiniteError as described.
 */
export function move(
  variables: NamedVariables,
  { step, delta, loss, gradient, memory = [] }: Move,
): tf.Scalar {
  const s = tensors.scalars;
  const finite = (x: tf.Scalar) => s.less(x, s.of(HUGE));
  return tensors.tidy(() => {
    const length = lengthOf(step);
    const kept = memory.map(lengthOf);
    const short = kept
      .map(finite)
      .reduce((all, each) => s.and(all, each), finite(s.multiply(s.of(delta), length)));
    const old: NamedTensors = pick(variables, Object.keys(step));
    const moved = () => tensors.tidy(() => tensors.axpy(s.of(-delta), step, old));
    const assign = (next: NamedTensors) => {
      for (const name of Object.keys(step)) variables[name]!.assign(next[name]!);
    };
    if (tensors.readableNow()) {
      if (tensors.readSync([short])[0] !== 1) {
        const [value, ...sizes] = tensors.readSync([loss, length, ...kept]) as [
          number,
          ...number[],
        ];
        throw stepNotFinite(value, sizes);
      }
      assign(moved());
      return short;
    }
    const steep = finite(lengthOf(gradient));
    const sound = s.and(s.and(finite(tf.abs(loss)), steep), short);
    assign(tensors.select(sound, moved(), old));
    return sound;
  });
}

/** ‖x‖: by the squares, which is quick, where that shows that they do not overflow. */
function lengthOf(x: NamedTensors): tf.Scalar {
  if (!tensors.readableNow()) return tensors.norm(x);
  const squared = tensors.dot(x, x);
  return Number.isFinite(tensors.readSync([squared])[0])
    ? tensors.scalars.sqrt(squared)
    : tensors.norm(x);
}

/**
 * Looks at the loss and the gradient before they are built upon, where that needs no waiting.
 *
 * @throws NotFiniteError naming the one that is not finite.
 */
export function checkFinite(loss: tf.Scalar, gradient: NamedTensors): void {
  if (!tensors.readableNow()) return;
  const [value, norm] = tensors.tidy(() => tensors.readSync([loss, lengthOf(gradient)])) as [
    number,
    number,
  ];
  if (Number.isFinite(value) && Number.isFinite(norm)) return;
  const gradientToo = Number.isFinite(value) ? ` whose gradient has the norm ${norm}` : '';
  throw new NotFiniteError({
    given: `a loss of ${value}${gradientToo}`,
    expected: 'a finite loss with a finite gradient',
    remedy:
      'The weights are as they were. Look for a NaN in the data, a logarithm or root of 0, or a ' +
      'step before that was too long.',
  });
}

/** The error of a step that was not taken. */
export function stepNotFinite(loss: number, sizes: readonly number[] = []): NotFiniteError {
  const [norm, ...kept] = sizes;
  const moments = kept.length === 0 ? '' : ` and moments of the norms ${kept.join(' and ')}`;
  const direction = norm === undefined ? '' : `, a direction of norm ${norm}${moments}`;
  return new NotFiniteError({
    given: `a loss of ${loss}${direction}`,
    expected: 'finite numbers',
    remedy: 'The weights are as they were. Look at the step before, or take a smaller rate.',
  });
}

/** Which memory each tensor is. */
export const dataOf = (x: NamedTensors): Record<string, object> =>
  Object.fromEntries(Object.entries(x).map(([name, { dataId }]) => [name, dataId]));

/** @throws InputError for a variable whose memory is another than before; DisposedError for one that has none. */
export function checkUnmoved(
  variables: NamedVariables,
  before: Record<string, object>,
  what: string,
): void {
  const gone = Object.keys(before).find((name) => variables[name]!.isDisposed);
  if (gone !== undefined) {
    throw new DisposedError({
      given: `'${gone}', which was disposed while ${what} was under way`,
      expected: 'variables that live until the step has been taken',
      remedy: 'Await step() before dispose(). This step was not taken.',
    });
  }
  const name = Object.keys(before).find((name) => variables[name]!.dataId !== before[name]);
  if (name === undefined) return;
  throw new InputError({
    given: `'${name}', which was assigned to while ${what} was under way`,
    expected: 'variables that no other code moves until the step has been taken',
    remedy: 'Await step() before the next step, of whatever optimizer. This one was not taken.',
  });
}
