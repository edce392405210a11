import type * as tf from '@tensorflow/tfjs';
import { type Weight, weightsOf } from '../backends/engine';
import { InputError, UnsupportedError } from '../errors';
import {
  checkFlag,
  checkNoMore,
  checkNumericTensor,
  checkOptionNames,
  checkRecord,
  phrase,
} from '../options';
import type { NamedTensors } from '../spaces';
import { checkLike } from './check';

/** A layers model as a function of its weights. */
export interface FunctionalModel {
  /**
   * The model's own trainable variables, by name (`dense_Dense1/kernel`), each once; a second weight
   * of one name has `_1` after it. The model owns them, and uses any values assigned to them.
   */
  readonly params: NamedTensors;
  /**
   * The model's output for the inputs x, with the given weights instead of the model's.
   *
   * `training` (default false) is what `model.fit` does and `model.predict` does not: dropout
   * drops, batch normalization takes the mean and variance of the batch.
   *
   * @throws UnsupportedError for a model with several outputs.
   */
  apply(
    params: NamedTensors,
    x: tf.Tensor | tf.Tensor[],
    options?: { training?: boolean },
  ): tf.Tensor;
  /** The same for all outputs of a model, in the order of `model.outputs`. */
  applyAll(
    params: NamedTensors,
    x: tf.Tensor | tf.Tensor[],
    options?: { training?: boolean },
  ): tf.Tensor[];
}
/**
 * Any `tf.LayersModel` as a function of its trainable weights, to differentiate.
 *
 * `apply(params, x)` = model(x; params); `applyAll` for a model with several outputs. While it
 * runs, each weight's variable is replaced by the tensor of that name, so `linearize`, `hessian`
 * and `gaussNewton` see through the layers. The moving averages of batch normalization are read
 * where `training` is false, and never updated.
 *
 * @throws UnsupportedError for a model with layers that carry a state from one batch to the next;
 *   InputError and ShapeError from `apply` for weights that do not fit.
 */
export function functional(model: tf.LayersModel): FunctionalModel {
  checkNoMore('functional', arguments, 1);
  checkModel(model);
  const trainable = byName(weightsOf(model, 'trainableWeights'));
  const all = weightsOf(model, 'weights');
  const params = () =>
    Object.fromEntries(Object.entries(trainable).map(([name, { val }]) => [name, val]));
  const applyAll: FunctionalModel['applyAll'] = (given, x, options = {}) => {
    checkOptionNames('apply', options, ['training']);
    const { training = false } = options;
    checkFlag(training, 'training', false);
    checkParameters(given, params());
    checkInputs(x, model.inputs.length);
    const before = all.map(({ val }) => val);
    for (const weight of all) weight.write = () => weight;
    for (const [name, weight] of Object.entries(trainable)) weight.val = given[name]!;
    try {
      return [model.apply(x, { training }) as tf.Tensor | tf.Tensor[]].flat();
    } finally {
      all.forEach((weight, i) => {
        weight.val = before[i]!;
        // The method of the class comes back.
        delete (weight as Partial<Weight>).write;
      });
    }
  };
  return {
    get params() {
      return params();
    },
    apply(given, x, options) {
      checkNoMore('apply', arguments, 3);
      checkSingle(model);
      return applyAll(given, x, options)[0]!;
    },
    applyAll,
  };
}

/** Of a model whose layers are all frozen there are none. */
function checkParameters(given: NamedTensors, params: NamedTensors): void {
  if (Object.keys(params).length > 0) {
    checkLike(given, params, 'the parameters');
    return;
  }
  checkRecord(given, 'the parameters', '{}, since no weight of the model is trainable');
  checkOptionNames('the parameters of a frozen model', given, []);
}

function checkSingle({ outputs }: tf.LayersModel): void {
  if (outputs.length === 1) return;
  throw new UnsupportedError({
    given: `apply() of a model with ${outputs.length} outputs`,
    expected: 'a model with one output',
    remedy: 'Call applyAll(), which returns them all.',
  });
}

function checkModel(model: tf.LayersModel): void {
  // The outputs of a graph model cannot even be asked for where none was loaded.
  const { layers } = (model ?? {}) as Partial<tf.LayersModel>;
  if (!Array.isArray(layers)) {
    throw new InputError({
      given: `${phrase(model)} as a model`,
      expected: 'a tf.LayersModel, made of layers',
      remedy:
        'A graph model is frozen: it has no weights to differentiate with respect to. Load the model with tf.loadLayersModel.',
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

/** @throws InputError or DisposedError for anything but a tensor for each input. */
function checkInputs(x: tf.Tensor | tf.Tensor[], count: number): void {
  const all = Array.isArray(x) ? x : [x];
  for (const each of all) checkNumericTensor(each, 'an input of the model');
  if (all.length === count) return;
  throw new InputError({
    given: `${all.length} tensors for a model with ${count} inputs`,
    expected: 'one tensor for each input',
    remedy: 'Pass a list of tensors, in the order of model.inputs.',
  });
}

/** Each weight once, by the name it was given, which differs from the registered one after a reload. */
function byName(weights: Weight[]): Record<string, Weight> {
  const result: Record<string, Weight> = {};
  // A layer that is both inside a nested model and outside it is listed twice.
  for (const weight of new Set(weights)) {
    let name = weight.originalName;
    for (let i = 1; Object.hasOwn(result, name); i++) name = `${weight.originalName}_${i}`;
    result[name] = weight;
  }
  return result;
}
