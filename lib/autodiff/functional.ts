import type * as tf from '@tensorflow/tfjs';
import { InputError, UnsupportedError } from '../errors';
import { phrase } from '../options';
import type { NamedTensors } from '../spaces';
import { checkLike } from './check';

/** A layers model as a function of its weights. */
export interface FunctionalModel {
  /**
   * The model's own trainable variables, by name (`dense_Dense1/kernel`). The model owns them;
   * what is assigned to them it computes with.
   */
  readonly params: NamedTensors;
  /**
   * The model's output for the inputs x, with these weights in place of its own.
   *
   * `training` (default false) is what `model.fit` does and `model.predict` does not: dropout
   * drops, batch normalization takes the mean and variance of the batch.
   */
  apply(
    params: NamedTensors,
    x: tf.Tensor | tf.Tensor[],
    options?: { training?: boolean },
  ): tf.Tensor;
}

/** A weight of a layer, with the variable that TensorFlow.js keeps to itself. */
interface Weight {
  readonly originalName: string;
  val: tf.Tensor;
  write(value: tf.Tensor): unknown;
}

/**
 * Any `tf.LayersModel` with one output as a function of its trainable weights, to differentiate.
 *
 * `apply(params, x)` = model(x; params). While it runs, each weight's variable stands aside for the
 * tensor of that name, so `linearize`, `hessian` and `gaussNewton` see through the layers. The
 * moving averages of batch normalization are read where `training` is false, and never updated.
 *
 * @throws UnsupportedError for a model with several outputs, or with layers that carry a state from
 *   one batch to the next; InputError and ShapeError from `apply` for weights that do not fit.
 */
export function functional(model: tf.LayersModel): FunctionalModel {
  checkModel(model);
  const trainable = byName(model.trainableWeights as unknown as Weight[]);
  const all = model.weights as unknown as Weight[];
  const params = () =>
    Object.fromEntries(Object.entries(trainable).map(([name, { val }]) => [name, val]));
  return {
    get params() {
      return params();
    },
    apply(given, x, { training = false } = {}) {
      checkLike(given, params(), 'the parameters');
      const before = all.map(({ val }) => val);
      for (const weight of all) weight.write = () => weight;
      for (const [name, weight] of Object.entries(trainable)) weight.val = given[name]!;
      try {
        return model.apply(x, { training }) as tf.Tensor;
      } finally {
        all.forEach((weight, i) => {
          weight.val = before[i]!;
          // The method of the class comes back.
          delete (weight as Partial<Weight>).write;
        });
      }
    },
  };
}

function checkModel(model: tf.LayersModel): void {
  // The outputs of a graph model cannot even be asked for where none was loaded.
  const { layers } = (model ?? {}) as Partial<tf.LayersModel>;
  if (!Array.isArray(layers)) {
    throw new InputError({
      given: `${phrase(model)} as a model`,
      expected: 'a tf.LayersModel, made of layers',
      remedy:
        'A graph model is frozen: what it computes has no weights to differentiate by. Load the model with tf.loadLayersModel.',
    });
  }
  if (model.outputs.length > 1) {
    throw new UnsupportedError({
      given: `a model with ${model.outputs.length} outputs`,
      expected: 'a model with one',
      remedy: 'Make one of the same layers: `tf.model({ inputs: model.inputs, outputs })`.',
    });
  }
  const stateful = model.layers.find((layer) => layer.stateful);
  if (stateful !== undefined) {
    throw new UnsupportedError({
      given: `the layer '${stateful.name}', which is stateful`,
      expected: 'layers whose output depends on input and weights alone',
      remedy: 'Build it with `stateful: false`.',
    });
  }
}

/** Weights by the names they were given, which differ from the registered ones after a reload. */
function byName(weights: Weight[]): Record<string, Weight> {
  const result: Record<string, Weight> = {};
  for (const weight of weights) {
    if (weight.originalName in result) {
      throw new InputError({
        given: `two weights named '${weight.originalName}'`,
        expected: 'a name for each weight',
        remedy: 'Give the layers names of their own.',
      });
    }
    result[weight.originalName] = weight;
  }
  return result;
}
