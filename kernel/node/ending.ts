import type { Ending } from '../server';

/** How a child process ended. */
export interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The last of what it wrote to its own stderr, as Node.js does before it aborts. */
  lastWords: string;
}

/** Says in one sentence why the process of the cells ended, and what that means. */
export function endingOf(end: End, exitCode: number | undefined): Ending {
  const [ename, cause] = causeOf(end, exitCode);
  return {
    ename,
    evalue: `${cause} All variables are lost; the next cell starts in a fresh process.`,
  };
}

/** What ends a process from outside, or from a cell. */
const SENT = new Set<NodeJS.Signals>([
  'SIGTERM',
  'SIGINT',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGALRM',
]);

function causeOf({ code, signal, lastWords }: End, exitCode?: number): [string, string] {
  if (/heap out of memory|Allocation failed - JavaScript/.test(lastWords)) {
    return ['OutOfMemory', 'The cell needed more memory than JavaScript’s heap has.'];
  }
  if (exitCode !== undefined)
    return ['ProcessExit', `The cell ended the process (exit code ${exitCode}).`];
  if (signal === 'SIGKILL') {
    return ['Killed', 'The operating system killed the process, perhaps for lack of memory.'];
  }
  if (signal && SENT.has(signal)) {
    return ['Terminated', `A signal ended the process (${signal}).`];
  }
  if (signal) return ['Crash', `Native code crashed the process (${signal}).`];
  return ['Crash', `The process ended by itself (exit code ${code}).`];
}
