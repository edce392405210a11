import * as tf from '@tensorflow/tfjs';

/**
 * d einsum('ab,bc->ac') = einsum('ac,bc->ab') for the first operand: the result trades places.
 *
 * Letters that stand in one operand alone were summed there; its derivative repeats along them.
 */
function operand(dy: tf.Tensor, equation: string, inputs: tf.Tensor[], i: number): tf.Tensor {
  const [left, out] = equation.replaceAll(/\s/g, '').split('->') as [string, string];
  const terms = left.split(',');
  const wanted = terms[i]!;
  const rest = terms.filter((_, j) => j !== i);
  const known = [...wanted].filter((c) => out.includes(c) || rest.some((r) => r.includes(c)));
  const others = inputs.filter((_, j) => j !== i);
  const slope = tf.einsum(`${[out, ...rest].join(',')}->${known.join('')}`, dy, ...others);
  const shape = inputs[i]!.shape;
  const ones = shape.map((n, axis) => (known.includes(wanted[axis]!) ? n : 1));
  return tf.broadcastTo(tf.reshape(slope, ones), shape);
}

/** Sums of products named by letters. */
export function repairEinsum(): void {
  tf.registerGradient({
    kernelName: 'Einsum',
    saveAllInputs: true,
    gradFunc: (dy, inputs, attributes) => {
      const { equation } = attributes as { equation: string };
      const one = (_: tf.Tensor, i: number) => [
        String(i),
        () => operand(dy as tf.Tensor, equation, inputs, i),
      ];
      return Object.fromEntries(inputs.map(one));
    },
  });
}
