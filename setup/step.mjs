/** A failure reported in one sentence: what is wrong and what to do. */
export class SetupError extends Error {}

const terminal = process.stdout.isTTY;
const secondsBetweenLines = 10;

/** @param {number} start in milliseconds, as `Date.now()` gives it */
export const secondsSince = (start) => (Date.now() - start) / 1000;

/**
 * @param {string} line
 * @param {number} start
 */
const timed = (line, start) => {
  const seconds = Math.round(secondsSince(start));
  return seconds < 1 ? line : `${line} (${seconds} s)`;
};

/**
 * Does one step and prints one line about it.
 *
 * `work` receives a function that tells progress: on a terminal it rewrites the line, elsewhere it
 * adds one every ten seconds. It returns what the finished line says.
 *
 * @param {string} name
 * @param {(progress: (words: string) => void) => string | Promise<string>} work
 */
export async function step(name, work) {
  const start = Date.now();
  let lastLine = start;
  const progress = (/** @type {string} */ words) => {
    if (terminal) {
      process.stdout.write(`\r\x1b[K${timed(`${name}: ${words}`, start)}`);
    } else if (secondsSince(lastLine) >= secondsBetweenLines) {
      lastLine = Date.now();
      console.log(timed(`${name}: ${words}`, start));
    }
  };
  try {
    const result = await work(progress);
    clearLine();
    console.log(timed(`${name}: ${result}`, start));
  } catch (error) {
    clearLine();
    throw error;
  }
}

function clearLine() {
  if (terminal) process.stdout.write('\r\x1b[K');
}

/**
 * Runs a command's main function; a `SetupError` becomes its one sentence and exit status 1.
 *
 * @param {() => Promise<void>} main
 */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
