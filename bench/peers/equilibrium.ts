import * as tf from '@tensorflow/tfjs';
import { compiledMap, valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { argmin } from '../../lib/hypergradients';
import { fixedPoint } from '../../lib/solvers';
import type { NamedTensors } from '../../lib/spaces';
import { type Giving, normals, oneHot } from './given';
import type { Workload } from './workload';

const [ROWS, FEATURES, HIDDEN, CLASSES] = [5000, 784, 200, 10];

/**
 * The gradient of an equilibrium model, `z = tanh(z A + x B + c)`: a number of steps forwards, as many
 * terms backwards.
 */
export function equilibriumGradient(giving: Giving, steps: number): Workload {
  const { give, tensor } = giving;
  const shapes: Record<string, [shape: number[], deviation: number]> = {
    // Its largest singular value is about a half.
    A: [[HIDDEN, HIDDEN], 0.25 / Math.sqrt(HIDDEN)],
    B: [[FEATURES, HIDDEN], 1 / Math.sqrt(FEATURES)],
    c: [[HIDDEN], 0],
    V: [[HIDDEN, CLASSES], 0.1],
    d: [[CLASSES], 0],
  };
  for (const [name, [shape, deviation]] of Object.entries(shapes)) {
    give(`w4_${name}`, shape, normals(giving, tf.util.sizeFromShape(shape), deviation));
  }
  give('w4_Y', [ROWS, CLASSES], oneHot(ROWS, CLASSES));
  const X = tf.slice(tensor('w2_X'), [0, 0], [ROWS, FEATURES]) as tf.Tensor2D;
  const Y = tensor('w4_Y');
  const map = (z: tf.Tensor, A: tf.Tensor, driven: tf.Tensor) =>
    tf.tanh(tf.add(tf.matMul(z as tf.Tensor2D, A as tf.Tensor2D), driven));
  const rest = argmin(
    compiledMap((A: tf.Tensor, driven: tf.Tensor) => {
      let z = tf.tanh(driven);
      for (let t = 1; t < steps; t++) z = map(z, A, driven);
      return z;
    }),
    compiledMap((z: tf.Tensor, A: tf.Tensor, driven: tf.Tensor) => tf.sub(z, map(z, A, driven))),
    { solver: fixedPoint({ maxIterations: steps, tolerance: 0 }) },
  );
  const loss = ({ A, B, c, V, d }: NamedTensors) => {
    const z = rest(A!, tf.add(tf.matMul(X, B as tf.Tensor2D), c!));
    return softmaxCrossEntropy(
      Y,
      tf.add(tf.matMul(z as tf.Tensor2D, V as tf.Tensor2D), d!),
    ) as tf.Scalar;
  };
  const w = giving.tensorsOf('w4', Object.keys(shapes));
  return {
    name: 'W4 equilibrium',
    async run() {
      // All terms are taken, so that each solve ends as 'max-iterations' and says so.
      const { warn } = console;
      console.warn = () => {};
      try {
        const { value, gradient } = valueAndGradient(loss, w);
        value.dispose();
        return gradient;
      } finally {
        console.warn = warn;
      }
    },
  };
}
