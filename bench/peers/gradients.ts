import * as tf from '@tensorflow/tfjs';
import { compiled, hessian, valueAndGradient } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { cnn, type Model, rnn } from '../../lib/models';
import { mapTensors, type NamedTensors } from '../../lib/spaces';
import { type Giving, normals } from './given';
import type { Workload } from './workload';

/** The loss of a network at weights w, and a vector to be multiplied by its Hessian there. */
export interface Network {
  name: string;
  loss: (w: NamedTensors) => tf.Scalar;
  w: NamedTensors;
  v: NamedTensors;
}

export const gradientOf = ({ name, loss, w }: Network): Workload => ({
  name: `${name} gradient`,
  async run() {
    const { value, gradient } = valueAndGradient(loss, w);
    value.dispose();
    return gradient;
  },
});

/** The gradient of a loss at w, and twenty products with its Hessian, recording included. */
export function gradientAndProducts(network: Network): Workload[] {
  const { name, loss, w, v } = network;
  return [
    gradientOf(network),
    {
      name: `${name} 20 products`,
      async run() {
        const H = hessian(loss, w);
        for (let i = 0; i < 19; i++) tf.dispose(H.apply(v));
        const last = H.apply(v);
        H.dispose();
        return last;
      },
    },
  ];
}

/** A small convolutional network on 32 images, and a recurrent one of 28 steps on 128. */
export const BATCHES = { cnn: { batch: 32 }, rnn: { batch: 128 } };

export function ofModels(giving: Giving): Network[] {
  const models: [keyof typeof BATCHES, Model][] = [
    ['cnn', cnn({ filters: [8, 16] })],
    ['rnn', rnn()],
  ];
  return models.map(([prefix, model]) => {
    const start = model.init(3);
    giving.giveTensors(prefix, start);
    giving.giveTensors(
      `${prefix}_v`,
      mapTensors(start, ({ shape, size }) => tf.tensor(normals(giving, size, 1), shape)),
    );
    const names = Object.keys(start);
    const { batch } = BATCHES[prefix];
    const x = tf.slice(giving.tensor('net_X'), [0, 0], [batch, 784]);
    const y = tf.slice(giving.tensor('net_Y'), [0, 0], [batch, 10]);
    const loss = compiled(
      (w: NamedTensors) => softmaxCrossEntropy(y, model.predict(w, x)) as tf.Scalar,
    );
    const [w, v] = [giving.tensorsOf(prefix, names), giving.tensorsOf(`${prefix}_v`, names)];
    return { name: prefix.toUpperCase(), loss, w, v };
  });
}
