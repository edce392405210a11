import type { Ending } from './child';
import type { ErrorContent } from './traceback';

/** Says in one sentence why the process of the cells ended, and what that means. */
export function endingError(ending: Ending, exitCode: number | undefined): ErrorContent {
  const [ename, cause] = causeOf(ending, exitCode);
  const evalue = `${cause} All variables are lost; the next cell starts in a fresh process.`;
  return { ename, evalue, traceback: [`${ename}: ${evalue}`] };
}

function causeOf({ code, signal, lastWords }: Ending, exitCode?: number): [string, string] {
  if (/heap out of memory|Allocation failed - JavaScript/.test(lastWords)) {
    return ['OutOfMemory', 'The cell needed more memory than JavaScript’s heap has.'];
  }
  if (exitCode !== undefined)
    return ['ProcessExit', `The cell ended the process (exit code ${exitCode}).`];
  if (signal === 'SIGKILL') {
    return ['Killed', 'The operating system killed the process, perhaps for lack of memory.'];
  }
  if (signal) return ['Crash', `Native code crashed the process (${signal}).`];
  return ['Crash', `The process ended by itself (exit code ${code}).`];
}
