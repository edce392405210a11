import { InputError } from 'implicit-lab';
import { checkNoMore, phrase } from 'implicit-lab/support';
import { evaluateInStock } from '#platform/stock';

/**
 * The value of a JavaScript expression in which `tf` is TensorFlow.js as it was installed, without the
 * repairs that importing this library makes.
 *
 * It is evaluated on the cpu backend in a separate process, in a page in a separate worker: it
 * does not see the caller's variables. Functions that need none can be written into it as text.
 * Its value comes back as JSON.
 *
 * @example
 * ```ts
 * const slope = await withStockTensorFlow<number[]>(
 *   '[...tf.grad((x) => tf.square(x))(tf.tensor1d([1, 2])).dataSync()]',
 * );
 * ```
 *
 * @throws InputError if the expression is not a text
 * @throws Error with the words of what the expression throws
 */
export async function withStockTensorFlow<T = unknown>(expression: string): Promise<T> {
  checkNoMore('withStockTensorFlow', arguments, 1);
  if (typeof expression !== 'string' || expression.trim() === '') {
    throw new InputError({
      given: `${phrase(expression)} as an expression`,
      expected: 'JavaScript as text, in which tf is TensorFlow.js',
      remedy: "Write withStockTensorFlow('tf.version.tfjs'), for example.",
    });
  }
  return (await evaluateInStock(expression)) as T;
}
