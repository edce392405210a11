import * as tf from '@tensorflow/tfjs';
import { type Call, kernelFunction, replaceKernel, reshaped } from './kernel';

type Info = tf.TensorInfo;

/** An operand with a letter for each axis. */
interface Lettered {
  x: Info;
  letters: string;
}

const size = (shape: number[]) => shape.reduce((a, b) => a * b, 1);

/** Runs other kernels of a backend, and frees what they made but the result. */
class Steps {
  private readonly made: Info[] = [];

  constructor(
    private readonly backend: tf.KernelBackend,
    private readonly name: string,
  ) {}

  private run(kernel: string, inputs: Record<string, Info>, attrs: object): Info {
    const { backend } = this;
    const y = kernelFunction(kernel, this.name)({ inputs, attrs: attrs, backend }) as Info;
    this.made.push(y);
    return y;
  }

  /** Sums over the letters that are not in `wanted`. */
  sum({ x, letters }: Lettered, wanted: string): Lettered {
    const axis = [...letters].flatMap((c, i) => (wanted.includes(c) ? [] : [i]));
    if (axis.length === 0) return { x, letters };
    const kept = [...letters].filter((c) => wanted.includes(c)).join('');
    return { x: this.run('Sum', { x }, { axis, keepDims: false }), letters: kept };
  }

  /** Brings the axes into the order of `wanted`. */
  order({ x, letters }: Lettered, wanted: string): Info {
    if (letters === wanted) return x;
    const perm = [...wanted].map((c) => letters.indexOf(c));
    return this.run('Transpose', { x }, { perm });
  }

  multiply(a: Info, b: Info): Info {
    return this.run('BatchMatMul', { a, b }, { transposeA: false, transposeB: false });
  }

  /** The result, which is the caller's; everything else is freed. */
  finish(x: Info): Info {
    this.backend.incRef(x.dataId);
    for (const y of this.made) this.backend.disposeData(y.dataId);
    return reshaped(x, x.shape);
  }
}

/**
 * Sums of products named by letters, as one matrix product.
 *
 * The stock kernel hands out its operand as the result where nothing is to be done, so that the
 * tape takes the two for one, and gets a letter that is in one operand alone wrong; wasm has none.
 */
function einsum(backendName: string) {
  return ({ inputs, attrs: { equation }, backend }: Call<string, { equation: string }>): Info => {
    const [left, out] = equation.replaceAll(/\s/g, '').split('->') as [string, string];
    const terms = left.split(',');
    const operands = terms.map((letters, i): Lettered => ({ x: inputs[i]!, letters }));
    tf.backend_util.decodeEinsumEquation(equation, operands.length);

    const steps = new Steps(backend, backendName);
    const [a, b] = operands.map((operand, i) =>
      steps.sum(operand, out + terms.filter((_, j) => j !== i).join('')),
    );
    if (!b) return steps.finish(steps.order(a!, out));

    const lengths = new Map<string, number>();
    for (const { x, letters } of operands) {
      [...letters].forEach((c, axis) => {
        const n = lengths.get(c) ?? x.shape[axis]!;
        if (n !== x.shape[axis]) {
          throw new Error(
            `einsum '${equation}': expected one length for the letter ${c}, but was given ${n} and ${x.shape[axis]}. Look at the shapes of the tensors.`,
          );
        }
        lengths.set(c, n);
      });
    }
    const shape = (letters: string) => [...letters].map((c) => lengths.get(c)!);
    const both = [...a!.letters].filter((c) => b.letters.includes(c));
    const batch = both.filter((c) => out.includes(c)).join('');
    const summed = both.filter((c) => !out.includes(c)).join('');
    const ofA = [...a!.letters].filter((c) => !both.includes(c)).join('');
    const ofB = [...b.letters].filter((c) => !both.includes(c)).join('');
    const [n, rows, inner, columns] = [batch, ofA, summed, ofB].map((letters) =>
      size(shape(letters)),
    ) as [number, number, number, number];
    const product = steps.multiply(
      reshaped(steps.order(a!, batch + ofA + summed), [n, rows, inner]),
      reshaped(steps.order(b, batch + summed + ofB), [n, inner, columns]),
    );
    const letters = batch + ofA + ofB;
    return steps.finish(steps.order({ x: reshaped(product, shape(letters)), letters }, out));
  };
}

/** Gives a backend this `einsum`. */
export const repairEinsumKernel = (backendName: string) =>
  replaceKernel('Einsum', backendName, einsum(backendName));
