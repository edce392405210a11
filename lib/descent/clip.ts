import * as tf from '@tensorflow/tfjs';
import { InputError } from '../errors';
import { shown } from '../options';
import { mapTensors, type NamedTensors, tensors } from '../spaces';

/** How gradients are clipped before a step is made of them. */
export interface ClipOptions {
  /** Shortens a gradient g whose norm, over all parameters that move, is larger: `g · c / ‖g‖`. */
  clipNorm?: number;
  /** Brings every entry of the gradient into `[−c, c]`; before `clipNorm`, where both are given. */
  clipValue?: number;
}

/** A gradient as a step is to see it. */
export interface ClippedGradient {
  /** Belongs to the caller where it was clipped. */
  gradient: NamedTensors;
  /** What the gradient was multiplied by; undefined where entries were clipped one by one. */
  factor: tf.Scalar | undefined;
}

/**
 * The gradient as the options clip it; computed on the device, and NaN where an entry was not finite.
 *
 * @returns undefined where nothing is to be clipped
 */
export function clip(
  gradient: NamedTensors,
  { clipNorm, clipValue }: ClipOptions,
): ClippedGradient | undefined {
  if (clipNorm === undefined && clipValue === undefined) return undefined;
  return tensors.tidy(() => {
    const bounded =
      clipValue === undefined
        ? gradient
        : // Backends differ in what they clip a NaN to; 0 · g keeps it, and ±∞ becomes one.
          mapTensors(gradient, (g) =>
            tf.add(tf.clipByValue(g, -clipValue, clipValue), tf.mul(g, 0)),
          );
    if (clipNorm === undefined) return { gradient: bounded, factor: undefined };
    const factor = tf.minimum(1, tf.div(clipNorm, tensors.norm(bounded))) as tf.Scalar;
    const shortened = mapTensors(bounded, (g) => tf.mul(g, factor));
    return { gradient: shortened, factor: clipValue === undefined ? factor : undefined };
  });
}

/** @throws InputError for a bound that is not positive. */
export function checkClip({ clipNorm, clipValue }: ClipOptions): void {
  for (const [name, bound] of Object.entries({ clipNorm, clipValue })) {
    if (bound === undefined || (Number.isFinite(bound) && bound > 0)) continue;
    throw new InputError({
      given: `${name}: ${shown(bound)}`,
      expected: 'a positive, finite number',
      remedy: 'Leave the option out where gradients are not to be clipped.',
    });
  }
}
