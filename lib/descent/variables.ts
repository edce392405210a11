import * as tf from '@tensorflow/tfjs';
import { innerProduct } from '../autodiff';
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
export function move(variables: NamedVariables, by: Move): tf.Scalar {
  const s = tensors.scalars;
  const { step, delta } = by;
  return tensors.tidy(() => {
    const old: NamedTensors = pick(variables, Object.keys(step));
    const moved = () => tensors.tidy(() => tensors.axpy(s.of(-delta), step, old));
    const assign = (next: NamedTensors) => {
      for (const name of Object.keys(step)) variables[name]!.assign(next[name]!);
    };
    if (tensors.readableNow()) {
      checkShort(by);
      assign(moved());
      return s.of(1);
    }
    const sound = soundOnDevice(by);
    assign(tensors.select(sound, moved(), old));
    return sound;
  });
}

/** @throws NotFiniteError for a step, or something to be remembered, that is not finite. */
function checkShort({ step, delta, loss, memory = [] }: Move): void {
  const length = lengthOf(step);
  const kept = memory.map(lengthOf);
  if (delta * length < HUGE && kept.every((each) => each < HUGE)) return;
  throw stepNotFinite(tensors.readSync([loss])[0]!, [length, ...kept]);
}

/** The mask of whether loss, gradient, step and memory are finite. */
function soundOnDevice({ step, delta, loss, gradient, memory = [] }: Move): tf.Scalar {
  const s = tensors.scalars;
  const finite = (x: tf.Scalar) => s.less(x, s.of(HUGE));
  const isShort = finite(s.multiply(s.of(delta), tensors.norm(step)));
  const parts = [finite(tf.abs(loss)), finite(tensors.norm(gradient)), isShort];
  return [...parts, ...memory.map((each) => finite(tensors.norm(each)))].reduce(s.and);
}

/** ‖x‖ as a number: by the squares, which is quick, where that shows that they do not overflow. */
function lengthOf(x: NamedTensors): number {
  const squared = innerProduct(x, x);
  if (Number.isFinite(squared)) return Math.sqrt(squared);
  return tensors.tidy(() => tensors.readSync([tensors.norm(x)])[0]!);
}

/**
 * Looks at the loss and the gradient before they are built upon, where that needs no waiting.
 *
 * @throws NotFiniteError naming the one that is not finite.
 */
export function checkFinite(loss: tf.Scalar, gradient: NamedTensors): void {
  if (!tensors.readableNow()) return;
  const [value, norm] = [tensors.readSync([loss])[0]!, lengthOf(gradient)];
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
