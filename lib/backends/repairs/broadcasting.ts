import * as tf from '@tensorflow/tfjs';
import { differentiate, sumTo } from './gradient';

/** The derivative of `a` where `takesA` holds and of `b` elsewhere, summed over what was repeated. */
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

/** Elementwise kernels whose derivatives forget that an input was broadcast, and batched matMul. */
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
  differentiate('BatchMatMul', {
    inputs: ['a', 'b'],
    gradient: (dy, [a, b], attributes) => {
      const { transposeA, transposeB } = attributes as unknown as Record<string, boolean>;
      return {
        a: () =>
          sumTo(
            transposeA
              ? tf.matMul(b!, dy, transposeB, true)
              : tf.matMul(dy, b!, false, !transposeB),
            a!.shape,
          ),
        b: () =>
          sumTo(
            transposeB
              ? tf.matMul(dy, a!, true, transposeA)
              : tf.matMul(a!, dy, !transposeA, false),
            b!.shape,
          ),
      };
    },
  });
}
