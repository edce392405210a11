import * as tf from '@tensorflow/tfjs';
import { differentiate, zerosLike } from './gradient';

const ofTwo = [
  'Equal',
  'NotEqual',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'LogicalAnd',
  'LogicalOr',
  'BitwiseAnd',
  'FloorDiv',
];
const ofOne = ['LogicalNot', 'All', 'Any'];

/**
 * What answers in whole numbers or with yes and no has the derivative zero.
 *
 * So a condition may depend on a variable, and a rounded number carries no slope: `floorDiv` and
 * a cast to integers came out as if nothing had been rounded.
 */
export function repairIntegers(): void {
  for (const kernel of ofTwo) {
    differentiate(kernel, {
      inputs: ['a', 'b'],
      gradient: (_, [a, b]) => ({ a: zerosLike(a!), b: zerosLike(b!) }),
    });
  }
  for (const kernel of ofOne) {
    differentiate(kernel, { inputs: ['x'], gradient: (_, [x]) => ({ x: zerosLike(x!) }) });
  }
  differentiate<{ dtype: tf.DataType }>('Cast', {
    gradient: (dy, _, { dtype }) => ({
      x: dtype === 'float32' ? () => tf.clone(dy) : zerosLike(dy),
    }),
  });
}
