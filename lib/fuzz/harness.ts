import * as tf from '@tensorflow/tfjs';
import * as il from '..';
import { Thrown, type Values } from './values';

/** Gives back what a call has returned. */
export function release(x: unknown, depth = 0): void {
  if (x === null || typeof x !== 'object' || depth > 4 || ArrayBuffer.isView(x)) return;
  if (x instanceof tf.Tensor) {
    if (!x.isDisposed) x.dispose();
    return;
  }
  // Before it is disposed: afterwards its parts may refuse to be looked at.
  const parts = partsOf(x);
  const { dispose } = x as { dispose?: unknown };
  if (typeof dispose === 'function') dispose.call(x);
  for (const value of parts) release(value, depth + 1);
}

/** What an object holds; nothing, where it is disposed and refuses. */
function partsOf(x: object): unknown[] {
  try {
    return Object.values(x);
  } catch {
    return [];
  }
}

const isOurs = (error: unknown) => error instanceof il.ImplicitLabError || error instanceof Thrown;

/** What a call may be faulted for: an error of another library, tensors left, no end. */
export async function faultOf(
  call: () => unknown,
  values: Values,
  given: readonly tf.Tensor[],
): Promise<{ fault?: string; threw: boolean }> {
  const before = tf.memory().numTensors;
  const known = values.tensors.length;
  let thrown: unknown;
  let threw = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('no end after 20 s')), 20_000);
    });
    const result = await Promise.race([call(), late]);
    release(result);
  } catch (error) {
    threw = true;
    thrown = error;
  } finally {
    clearTimeout(timer);
  }
  // Tensors that our own functions made in the call are ours to free.
  const made = values.tensors.slice(known).filter(({ isDisposed }) => !isDisposed).length;
  const left = tf.memory().numTensors - before - made;
  tf.dispose([...given, ...values.tensors].filter(({ isDisposed }) => !isDisposed));
  if (!threw) return { threw };
  if (isOurs(thrown)) {
    if (left <= 0) return { threw };
    return { threw, fault: `${left} tensors left after ${(thrown as Error).message.slice(0, 90)}` };
  }
  const { name, message, stack } = thrown as Error;
  const place = stack
    ?.split('\n')
    .find((line) => /\/(lib|course)\//.test(line) && !line.includes('/fuzz/'));
  return { threw, fault: `${name}: ${message.slice(0, 120)} ${place?.trim() ?? ''}` };
}
