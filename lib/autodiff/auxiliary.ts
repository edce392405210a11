import * as tf from '@tensorflow/tfjs';
import { checkNoMore } from '../options';
import { mapTensors, type NamedTensors } from '../spaces';
import { checkTensors } from './check';
import { isolated } from './tape';

let collected: NamedTensors | undefined;

/**
 * Hands out what a loss computes besides its value, an accuracy say: call it inside the loss.
 *
 * The values come back as `auxiliary` of `valueAndGradient` and `hypergradient` (those of the outer loss)
 * and, as numbers, of the steps of `bilevel` and in the stats of the implicit optimizers: from the
 * evaluation that the gradient is taken of, so that nothing is computed twice. They have no part in the derivative. Where they are not collected, nothing
 * happens; of a name marked twice the last value counts.
 *
 * @throws InputError or DisposedError for anything but live float32 tensors.
 */
export function markAuxiliary(values: NamedTensors): void {
  checkNoMore('markAuxiliary', arguments, 1);
  checkTensors(values, 'the auxiliary values');
  if (collected === undefined) return;
  for (const [name, value] of Object.entries(values)) {
    collected[name]?.dispose();
    collected[name] = isolated(() => tf.keep(value.clone()));
  }
}

/** The result of `f`, and copies of the values it marked, which are kept until they are disposed. */
export function collectAuxiliary<T>(f: () => T): { result: T; auxiliary: NamedTensors } {
  const before = collected;
  const auxiliary: NamedTensors = {};
  collected = auxiliary;
  try {
    return { result: f(), auxiliary };
  } catch (error) {
    tf.dispose(auxiliary);
    throw error;
  } finally {
    collected = before;
  }
}

/** Copies that belong to the tidy around the call, in place of kept ones; undefined of none. */
export function released(auxiliary: NamedTensors): NamedTensors | undefined {
  if (Object.keys(auxiliary).length === 0) return undefined;
  const copies = isolated(() => mapTensors(auxiliary, (value) => value.clone()));
  tf.dispose(auxiliary);
  return copies;
}

/** Marked values as numbers: one for a scalar, a list of its entries for any other tensor. */
export type AuxiliaryNumbers = Record<string, number | number[]>;

/** What a loss has marked, as numbers; the tensors are freed. */
export async function auxiliaryNumbers(marked: NamedTensors): Promise<AuxiliaryNumbers> {
  try {
    const entries = Object.entries(marked).map(async ([name, value]) => {
      const numbers = await value.data();
      return [name, value.rank === 0 ? numbers[0]! : [...numbers]] as const;
    });
    return Object.fromEntries(await Promise.all(entries));
  } finally {
    tf.dispose(marked);
  }
}
