import * as tf from '@tensorflow/tfjs';
import { InputError, ShapeError } from '../errors';
import { checkNoMore, checkNumericTensor, checkRecord } from '../options';
import type { NamedTensors } from '../spaces';

/** A network as plain functions of its named parameters. */
export interface Model {
  readonly name: string;
  /**
   * Fresh parameters, the same for the same seed. They belong to the caller.
   *
   * Weights are uniform on ±√(6 / (fan-in + fan-out)) ([Glorot & Bengio
   * 2010](https://proceedings.mlr.press/v9/glorot10a.html), eq. 16), or normal with variance 2 /
   * fan-in before a relu ([He et al. 2015](https://arxiv.org/abs/1502.01852), eq. 10); biases are
   * zero.
   */
  init(seed: number): NamedTensors;
  /**
   * The logits, [batch, classes], of inputs [batch, features]; a softmax is left to the loss.
   *
   * @throws InputError for a parameter that is missing or not a tensor of numbers, ShapeError for one, or for
   *   inputs, of another shape, DisposedError for what is disposed.
   */
  predict(params: NamedTensors, x: tf.Tensor): tf.Tensor2D;
}

/** What a model of this library consists of. */
interface Parts extends Model {
  /** The shape of each parameter. */
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** How many numbers an input has. */
  readonly features: number;
}

/** A model that checks its parameters and inputs before it uses them. */
export function checkedModel({ shapes, features, predict, ...rest }: Parts): Model {
  return {
    ...rest,
    predict(params, x) {
      checkNoMore('predict', arguments, 2);
      checkParameters(rest.name, params, shapes);
      checkInputs(rest.name, x, features);
      return predict(params, x);
    },
  };
}

function checkParameters(owner: string, params: NamedTensors, shapes: Parts['shapes']): void {
  checkRecord(params, `the parameters of ${owner}`, `{ ${Object.keys(shapes).join(', ')} }`);
  for (const [name, shape] of Object.entries(shapes)) {
    const value = params[name];
    if (value === undefined) {
      throw new InputError({
        given: `parameters of ${owner} without '${name}'`,
        expected: Object.keys(shapes).join(', '),
        remedy: 'init(seed) makes all of them.',
      });
    }
    checkNumericTensor(value, `'${name}' of the parameters of ${owner}`);
    if (tf.util.arraysEqual(value.shape, [...shape])) continue;
    throw new ShapeError({
      given: `'${name}' of shape [${value.shape}] as a parameter of ${owner}`,
      expected: `the shape [${shape}]`,
      remedy: 'Take the parameters of a model with the same options.',
    });
  }
}

/** Pictures need not be flat: what follows the batch may have any shape of that many numbers. */
function checkInputs(owner: string, x: tf.Tensor, features: number): void {
  checkNumericTensor(x, `the inputs of ${owner}`);
  const [, ...each] = x.shape;
  if (x.rank > 1 && (each.at(-1) === features || tf.util.sizeFromShape(each) === features)) return;
  throw new ShapeError({
    given: `inputs of shape [${x.shape}] for ${owner}`,
    expected: `[batch, ${features}]`,
    remedy: 'Reshape them, or make a model for them.',
  });
}
