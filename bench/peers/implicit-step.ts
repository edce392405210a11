import * as tf from '@tensorflow/tfjs';
import { markOutput } from '../../lib/autodiff';
import { softmaxCrossEntropy } from '../../lib/backends';
import { implicitSGD } from '../../lib/descent';
import { cg } from '../../lib/solvers';
import { mapTensors, type NamedTensors } from '../../lib/spaces';
import type { Workload } from './workload';

/** What a network makes of a batch, and what it should. */
interface Batch {
  predict(w: NamedTensors): tf.Tensor;
  labels: tf.Tensor;
}

/** An implicit step from w, with the given number of CG iterations; the result is the change of the weights. */
export function implicitSteps(
  w: NamedTensors,
  { predict, labels }: Batch,
  { rate, count }: { rate: number; count: number },
): Workload[] {
  const variables = Object.fromEntries(
    Object.entries(w).map(([name, x]) => [name, tf.variable(x)]),
  ) as Record<string, tf.Variable>;
  const loss = () => softmaxCrossEntropy(labels, markOutput(predict(variables))) as tf.Scalar;
  const solver = cg({ tolerance: 0, maxIterations: count, best: 'energy' });
  return (['hessian', 'gauss-newton'] as const).map((curvature) => {
    const optimizer = implicitSGD(rate, { curvature, solver });
    return {
      name: `W6 ${curvature === 'hessian' ? 'Hessian' : 'Gauss–Newton'}`,
      async run() {
        optimizer.minimize(loss, false, Object.values(variables));
        const change = mapTensors(w, (before, name) => tf.sub(variables[name]!, before));
        for (const [name, before] of Object.entries(w)) variables[name]!.assign(before);
        return change;
      },
    };
  });
}
