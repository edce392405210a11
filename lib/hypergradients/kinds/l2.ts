import * as tf from '@tensorflow/tfjs';
import { InputError } from '../../errors';
import { checkNoMore, checkOptionNames, checkRecord, phrase, shown } from '../../options';
import { mapTensors, type NamedTensors } from '../../spaces';
import { kindOf, settingOf } from './kind';

export interface L2Options {
  /** λ to start from, the logarithm of the penalty. Default −4. */
  initial?: number;
  /** The weights that are penalised, by name. Default all. */
  names?: readonly string[];
}

/**
 * A squared penalty for every weight: `f = mean ℓ + ½ Σⱼ exp(λⱼ) wⱼ²`, λ in the shape of w.
 *
 * The exponential keeps each penalty positive; `Bᵀv = exp(λ) ⊙ w ⊙ v`.
 *
 * @throws InputError for a name that w does not have, or an initial value that is not finite.
 * @see Lorraine, Vicol & Duvenaud, [Optimizing millions of hyperparameters by implicit
 *   differentiation](https://arxiv.org/abs/1911.02590), 2020.
 */
export function perWeightL2(options: L2Options = {}) {
  checkNoMore('perWeightL2', arguments, 1);
  return squaredPenalty('perWeightL2', options, (shape) => shape);
}

/** The same with one λ for each row of a weight matrix: for each input feature of a layer. */
export function perFeatureL2(options: L2Options = {}) {
  checkNoMore('perFeatureL2', arguments, 1);
  return squaredPenalty('perFeatureL2', options, ([rows, ...rest]) =>
    rows === undefined ? [] : [rows, ...rest.map(() => 1)],
  );
}

/** The same with one λ for each named tensor: a scalar. */
export function perTensorL2(options: L2Options = {}) {
  checkNoMore('perTensorL2', arguments, 1);
  return squaredPenalty('perTensorL2', options, () => []);
}

/** λ has the names of w; its shapes are broadcast to those of w. */
function squaredPenalty(name: string, options: L2Options, shapeOf: (shape: number[]) => number[]) {
  const { initial, names } = l2Settings(name, options);
  const record = names === undefined ? { name, initial } : { name, initial, names };
  const shapes = (w: NamedTensors) =>
    Object.fromEntries(
      Object.entries(penalised(w, names)).map(([key, { shape }]) => [key, shapeOf(shape)]),
    );
  return kindOf(
    record,
    {
      initial: (w) =>
        mapTensors(penalised(w, names), ({ shape }) => tf.fill(shapeOf(shape), initial)),
      loss(losses, w, λ, batch) {
        const squares = Object.entries(penalised(w, names)).map(([key, value]) =>
          tf.sum(tf.mul(tf.exp(λ[key]!), tf.square(value))),
        );
        return tf.add(tf.mean(losses(w, batch)), tf.mul(0.5, tf.addN(squares))) as tf.Scalar;
      },
    },
    shapes,
  );
}

/** @throws InputError for an unknown option, an initial value that is not finite, or no names. */
export function l2Settings(name: string, options: L2Options) {
  checkOptionNames(name, options, ['initial', 'names']);
  const { names } = options;
  const initial = settingOf(options.initial ?? -4);
  const odd = Array.isArray(names) ? names.find((each) => typeof each !== 'string') : names;
  if (odd !== undefined || names?.length === 0) {
    throw new InputError({
      given: `${name}({ names }) with ${names?.length === 0 ? 'none' : phrase(odd)}`,
      expected: 'a list of at least one name',
      remedy: 'Leave it out to penalise all weights.',
    });
  }
  if (typeof initial === 'number' && Number.isFinite(initial)) return { initial, names };
  throw new InputError({
    given: `${name}({ initial: ${shown(initial)} })`,
    expected: 'a finite number, the logarithm of a penalty',
    remedy: 'A penalty of 0 has no logarithm: name the weights to be penalised instead.',
  });
}

/** @throws InputError for a name that w does not have. */
export function penalised(
  w: NamedTensors,
  names: readonly string[] = Object.keys(w),
): NamedTensors {
  checkRecord(w, 'the weights', 'named tensors');
  const unknown = names.find((name) => !(name in w));
  if (unknown === undefined) return Object.fromEntries(names.map((name) => [name, w[name]!]));
  throw new InputError({
    given: `'${unknown}' among the weights to be penalised`,
    expected: `names among ${Object.keys(w).join(', ')}`,
    remedy: 'Choose from the names of the weights.',
  });
}
