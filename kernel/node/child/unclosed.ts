/** What Node.js says of a file that it closes since nobody else has. */
const UNCLOSED = [/^Closing file descriptor \d+ on garbage collection$/, /^Closing a FileHandle /];

let isExpected = false;

/**
 * The promises of an interrupted cell do not continue, so that a file which it was reading is closed
 * with the garbage: from then on that is no fault of anyone's, and is not warned of.
 */
export function expectUnclosedFiles(): void {
  isExpected = true;
}

/** Keeps back warnings of unclosed files where they are expected. */
export function followUnclosedFiles(): void {
  const { emitWarning } = process;
  process.emitWarning = (...given: [warning: string | Error, ...more: unknown[]]) => {
    const [warning] = given;
    const text = typeof warning === 'string' ? warning : warning?.message;
    if (isExpected && UNCLOSED.some((said) => said.test(text))) return;
    Reflect.apply(emitWarning, process, given);
  };
}
