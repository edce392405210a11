import * as tf from '@tensorflow/tfjs';
import { differentiate, sumTo } from './gradient';

/** Hands the derivative to `a` where `takesA` holds and to `b` elsewhere. */
function repairChoice(kernel: string, takesA: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor) {
  differentiate(kernel, {
    inputs: ['a', 'b'],
    gradient: (dy, [a, b]) => {
      const mask = () => tf.cast(takesA(a!, b!), 'float32');
      return {
        a: () => sumTo(tf.mul(dy, mask()), a!.shape),
        b: () => sumTo(tf.mul(dy, tf.sub(1, mask())), b!.shape),
      };
    },
  });
}

/** Kernels whose derivatives forget that an input was broadcast. */
export function repairBroadcasting(): void {
  repairChoice('Maximum', tf.greaterEqual);
  repairChoice('Minimum', tf.lessEqual);
  differentiate('SquaredDifference', {
    inputs: ['a', 'b'],
    gradient: (dy, [a, b]) => {
      const slope = () => tf.mul(dy, tf.mul(2, tf.sub(a!, b!)));
      return {
        a: () => sumTo(slope(), a!.shape),
        b: () => sumTo(tf.neg(slope()), b!.shape),
      };
    },
  });
  differentiate<{ transposeA: boolean; transposeB: boolean }>('BatchMatMul', {
    inputs: ['a', 'b'],
    gradient: (dy, [a, b], { transposeA: ta, transposeB: tb }) => ({
      a: () => sumTo(ta ? tf.matMul(b!, dy, tb, true) : tf.matMul(dy, b!, false, !tb), a!.shape),
      b: () => sumTo(tb ? tf.matMul(dy, a!, true, ta) : tf.matMul(a!, dy, !ta, false), b!.shape),
    }),
  });
}
