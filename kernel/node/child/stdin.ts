import { Interface } from 'node:readline';
import { Interface as PromisesInterface } from 'node:readline/promises';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { currentCell } from '../../child/context';
import { input } from '../../child/input';

/**
 * `process.stdin` of the cells, which is at its end from the beginning: a reader answers in the front end. So
 * does the caller of `question` of a readline interface on it.
 */
export function provideStdin(): void {
  let stdin = endedStdin();
  const known = new WeakSet<object>([stdin]);
  Object.defineProperty(process, 'stdin', {
    configurable: true,
    enumerable: true,
    get() {
      // A stream that was read to its end does not tell later readers, who would wait for it.
      if (stdin.readableEnded || stdin.destroyed) {
        stdin = endedStdin();
        known.add(stdin);
      }
      return stdin;
    },
  });
  const asks = (one: Interface): boolean => {
    const { input: source } = one as typeof one & { input?: object };
    return source !== undefined && known.has(source);
  };
  const { question } = Interface.prototype;
  function ask(this: Interface, query: string, ...rest: unknown[]): void {
    if (!asks(this)) {
      Reflect.apply(question, this, [query, ...rest]);
      return;
    }
    // The caller that waits for the answer has to learn that none can come.
    if (!currentCell().allowInput) throw new Error(CANNOT_ASK);
    const answered = rest.at(-1) as (answer: string) => void;
    void input(query).then(answered);
  }
  Interface.prototype.question = Object.defineProperty(ask, promisify.custom, {
    value: (question as { [promisify.custom]?: unknown })[promisify.custom],
  }) as typeof question;
  const { question: promised } = PromisesInterface.prototype;
  PromisesInterface.prototype.question = function (
    this: Interface,
    query: string,
    ...rest: unknown[]
  ) {
    return asks(this) ? input(query) : Reflect.apply(promised, this, [query, ...rest]);
  } as typeof promised;
}

const CANNOT_ASK = 'question() needs a front end that can ask; this one cannot.';

function endedStdin(): Readable {
  const stdin = Readable.from([]);
  const itself = (): Readable => stdin;
  return Object.assign(stdin, { fd: 0, isTTY: false, ref: itself, unref: itself });
}
