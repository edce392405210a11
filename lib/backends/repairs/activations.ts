import * as tf from '@tensorflow/tfjs';
import { differentiate } from './gradient';

/** elu'(x) = 1 + min(elu(x), 0), whose own derivative the stock kernel EluGrad lacks. */
export function repairActivations(): void {
  differentiate('Elu', {
    output: true,
    gradient: (dy, [y]) => ({ x: () => tf.mul(dy, tf.add(tf.minimum(y!, 0), 1)) }),
  });
}
