import * as tf from '@tensorflow/tfjs';
import { NotFiniteError } from '../../../lib/errors';
import { random } from '../../../lib/numbers';
import { type PinnCourse, Watched } from './course';
import type { Pinn } from './problems';

/** a, ∂₁a, ∂₂a, ∂₁²a, ∂₂²a of all points, n × units each. */
type Jets = tf.Tensor[];

/** Weights [out, in] and biases of each layer, in the order of the float64 network. */
function variablesFrom(pinn: Pinn, w: Float64Array): tf.Variable[] {
  const { sizes } = pinn.network;
  const variables: tf.Variable[] = [];
  let from = 0;
  for (let l = 0; l + 1 < sizes.length; l++) {
    const [fanIn, fanOut] = [sizes[l]!, sizes[l + 1]!];
    const part = (shape: number[]) => {
      const size = shape.reduce((a, b) => a * b, 1);
      const values = Float32Array.from(w.subarray(from, from + size));
      from += size;
      return tf.variable(tf.tensor(values, shape));
    };
    variables.push(part([fanOut, fanIn]), part([fanOut]));
  }
  return variables;
}

/** The Laplacian and the value of the network at points, by derivatives forwards: plain operations. */
function forwards(variables: tf.Variable[], X: tf.Tensor2D) {
  const n = X.shape[0];
  const unit = (k: number) => tf.tile(tf.oneHot(tf.tensor1d([k], 'int32'), 2), [n, 1]);
  let jets: Jets = [X, tf.cast(unit(0), 'float32'), tf.cast(unit(1), 'float32')];
  jets.push(tf.zerosLike(X), tf.zerosLike(X));
  for (let l = 0; l < variables.length; l += 2) {
    const [W, b] = [variables[l]!, variables[l + 1]!];
    const z = jets.map((part, c) => {
      const product = tf.matMul(part as tf.Tensor2D, W, false, true);
      return c === 0 ? tf.add(product, b) : product;
    });
    if (l + 2 === variables.length) return { value: z[0]!, laplacian: tf.add(z[3]!, z[4]!) };
    const t = tf.tanh(z[0]!);
    const t1 = tf.sub(1, tf.square(t));
    const t2 = tf.mul(-2, tf.mul(t, t1));
    const bent = (k: number) => tf.add(tf.mul(t2, tf.square(z[k]!)), tf.mul(t1, z[k + 2]!));
    jets = [t, tf.mul(t1, z[1]!), tf.mul(t1, z[2]!), bent(1), bent(2)];
  }
  throw new Error('a network has a layer');
}

/** ½‖r‖² of the Poisson problem of `problems.ts`: the same points and weights. */
function poissonLoss(variables: tf.Variable[]) {
  const stream = random(3);
  const inside = Array.from({ length: 600 }, () => [stream.uniform(), stream.uniform()]);
  const edges = Array.from({ length: 30 }, (_, i) => (i + 0.5) / 30).flatMap((s) => [
    [s, 0],
    [s, 1],
    [0, s],
    [1, s],
  ]);
  const X = tf.tensor2d(inside);
  const E = tf.tensor2d(edges);
  const PI = Math.PI;
  const f = tf.tensor2d(
    inside.map(([x, y]) => [2 * PI * PI * Math.sin(PI * x!) * Math.sin(PI * y!)]),
  );
  const loss = () =>
    tf.tidy(() => {
      const equation = tf.mul(tf.add(forwards(variables, X).laplacian, f), 1 / Math.sqrt(600));
      const edge = tf.mul(forwards(variables, E).value, Math.sqrt(100 / 120));
      const r = tf.concat([equation, edge], 0);
      return tf.mul(0.5, tf.sum(tf.square(r))) as tf.Scalar;
    });
  return { loss, data: [X, E, f] };
}

function trainOnTensors(
  pinn: Pinn,
  seed: number,
  budget: number,
  make: (share: () => number) => { step(loss: () => tf.Scalar): tf.Scalar; dispose(): void },
): PinnCourse {
  const variables = variablesFrom(pinn, pinn.network.init(seed));
  const { loss, data } = poissonLoss(variables);
  const watched = new Watched(pinn, budget);
  const optimizer = make(() => watched.share);
  const parameters = () => Float64Array.from(variables.flatMap((v) => [...v.dataSync()]));
  try {
    for (let goesOn = true; goesOn; ) {
      const cost = optimizer.step(loss);
      goesOn = watched.step(parameters, cost.dataSync()[0]!);
      cost.dispose();
    }
  } catch (error) {
    if (!(error instanceof NotFiniteError)) throw error;
    watched.course.validation.push(Infinity);
    watched.course.test.push(Infinity);
  } finally {
    optimizer.dispose();
    tf.dispose([variables, data]);
  }
  return watched.course;
}

export const adamOnTensors = (pinn: Pinn, seed: number, rate: number, budget: number) =>
  trainOnTensors(pinn, seed, budget, (share) => {
    const adam = tf.train.adam(rate, 0.9, 0.999, 1e-8);
    return {
      step(loss) {
        const now = Math.min(1, share());
        Object.assign(adam, {
          learningRate: rate * Math.max(1e-3, (1 + Math.cos(Math.PI * now)) / 2),
        });
        return adam.minimize(loss, true)!;
      },
      dispose: () => adam.dispose(),
    };
  });
