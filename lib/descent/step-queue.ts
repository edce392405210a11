import { DisposedError, InputError } from '../errors';

/** The order of an optimizer's asynchronous steps: one after the other, in the order of their calls. */
export class StepQueue {
  /** How many steps have begun or wait, and where the last of them ends. */
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** Takes a step at once, or after those that are under way. */
  async take<T>(step: () => Promise<T>): Promise<T> {
    const taken = this.#waiting++ === 0 ? step() : this.#last.then(step);
    const end = () => {
      this.#waiting--;
    };
    this.#last = taken.then(end, end);
    return taken;
  }

  /** @throws InputError while a step is under way. */
  requireIdle(call: string): void {
    if (this.#waiting === 0) return;
    throw new InputError({
      given: `${call} while a step of the same optimizer is under way`,
      expected: 'one step after the other',
      remedy: 'Await step() first.',
    });
  }
}

/** The error of a step whose optimizer was disposed before it ended. */
export const disposedUnderWay = () =>
  new DisposedError({
    given: 'an optimizer that was disposed while a step was under way',
    expected: 'an optimizer that is kept until its steps have ended',
    remedy: 'Await step() before dispose(). The step was not taken.',
  });
