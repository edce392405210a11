import * as tf from '@tensorflow/tfjs';
import { DisposedError, InputError, NotFiniteError, ShapeError } from '../errors';
import { phrase } from '../options';
import { type NamedTensors, tensors } from '../spaces';
import { isGone } from './disposed';

/** @throws InputError or DisposedError unless `x` holds live float32 tensors, each under one name. */
export function checkPoint(x: NamedTensors, what: string): void {
  checkTensors(x, what);
  const seen = new Map<tf.Tensor, string>();
  for (const [name, value] of Object.entries(x)) {
    if (seen.has(value)) {
      throw new InputError({
        given: `one tensor as both '${seen.get(value)}' and '${name}' of ${what}`,
        expected: 'each tensor under one name',
        remedy: 'Give shared weights one name and use it twice inside the function.',
      });
    }
    seen.set(value, name);
  }
}

/** @throws InputError or DisposedError unless `x` is a record of live float32 tensors. */
export function checkTensors(x: unknown, what: string): asserts x is NamedTensors {
  if (x instanceof tf.Tensor) {
    throw new InputError({
      given: `a single tensor as ${what}`,
      expected: 'a record of named tensors',
      remedy: 'Give it a name: { x: tensor }.',
    });
  }
  if (x === null || typeof x !== 'object' || Object.keys(x).length === 0) {
    throw new InputError({
      given:
        x === null || typeof x !== 'object'
          ? `${phrase(x)} as ${what}`
          : `an empty record as ${what}`,
      expected: 'a record of named tensors',
      remedy: 'Pass a record such as { W, b }.',
    });
  }
  for (const [name, value] of Object.entries(x)) checkFloat(value, `'${name}' of ${what}`);
}

/** @throws InputError, ShapeError or DisposedError unless `v` can be a change of `like`. */
export function checkLike(v: NamedTensors, like: NamedTensors, what: string): void {
  checkTensors(v, what);
  tensors.check(v, like, what);
}

function checkFloat(value: unknown, what: string): asserts value is tf.Tensor {
  if (!(value instanceof tf.Tensor) || value.dtype !== 'float32') {
    throw new InputError({
      given: `${what}, which is ${value instanceof tf.Tensor ? `of type ${value.dtype}` : 'not a tensor'}`,
      expected: 'a float32 tensor',
      remedy: "Cast it (`tf.cast(x, 'float32')`) or take it out: only float32 has derivatives.",
    });
  }
  checkAlive(value, what);
}

/** @throws DisposedError for a disposed tensor. */
export function checkAlive(value: tf.Tensor, what: string): void {
  if (isGone(value)) {
    throw new DisposedError({
      given: `${what}, which is disposed`,
      expected: 'a live tensor',
      remedy: 'Dispose it later, or `tf.keep` it where a surrounding tidy freed it.',
    });
  }
}

/** @throws ShapeError unless the loss is one number; DisposedError for one that is gone. */
export function checkScalar(loss: unknown): asserts loss is tf.Scalar {
  if (loss instanceof tf.Tensor) checkAlive(loss, 'a loss');
  if (loss instanceof tf.Tensor && loss.rank === 0 && loss.dtype === 'float32') return;
  throw new ShapeError({
    given: `a loss that is ${describe(loss)}`,
    expected: 'a float32 scalar',
    remedy:
      loss instanceof Promise
        ? 'Derivatives are recorded synchronously: await all inputs before, outside the loss.'
        : 'Reduce it, for example by `tf.mean`.',
  });
}

const describe = (x: unknown) => {
  if (x instanceof tf.Tensor) return `a ${x.dtype} tensor of shape [${x.shape}]`;
  return x instanceof Promise ? 'a promise' : `no tensor (${typeof x})`;
};

/**
 * Looks at the loss where that needs no waiting; on a GPU it is the solver that notices.
 *
 * @throws NotFiniteError for NaN and ±∞.
 */
export function checkFinite(loss: tf.Scalar): void {
  if (!tensors.readableNow()) return;
  requireFiniteLoss(tensors.readSync([loss])[0]!);
}

/** @throws NotFiniteError for NaN and ±∞. */
export function requireFiniteLoss(value: number): void {
  if (Number.isFinite(value)) return;
  throw new NotFiniteError({
    given: `a loss of ${value}`,
    expected: 'a finite loss',
    remedy:
      'Look for a NaN in weights or data, a logarithm of 0, a division by 0, a mean over no examples, or a step that was too long.',
  });
}
