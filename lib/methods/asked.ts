import type { Space } from '../spaces';

/** Thrown where work is left at what it asks for. */
const LEFT = Symbol('left');

/**
 * What some work asks for first, kept: the work is begun, and left there.
 *
 * A step cannot wait for its gradient. Where that takes long it is computed before, at the point that
 * the step asks for; what is repeated are a few sums of vectors.
 *
 * @param work pure; it hands what it asks for to `ask`, which does not return
 * @returns undefined of work that asks for nothing
 */
export function asked<V, Q>(
  space: Space<V, unknown>,
  work: (ask: (question: Q) => never) => unknown,
  copy: (question: Q) => Q,
): Q | undefined {
  let found: { question: Q } | undefined;
  try {
    space.tidy(() =>
      work((question) => {
        found = { question: space.keep(copy(question)) };
        throw LEFT;
      }),
    );
  } catch (error) {
    if (error !== LEFT) throw error;
  }
  return found?.question;
}
