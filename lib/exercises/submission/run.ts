import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Job, Outcome } from './child';

/** How a process with programs of learners ended. */
export interface Ending {
  /** One for each job, as far as it came. */
  outcomes: Outcome[];
  /** Why it did not come further; nothing where it did all. */
  stopped?: 'time' | 'exit' | 'crash';
  /** The exit status or signal, and the end of what it printed. */
  details: string;
}

export interface Limits {
  /** Of the whole process. */
  seconds: number;
  /** Of its JavaScript heap, in MB; 1024 by default. */
  memory?: number;
}

const MOST_OUTPUT = 16_384;

/**
 * Runs programs in a process of their own, which cannot take this one with it: an endless loop
 * meets the time limit, a memory leak the end of the heap, and what is printed is cut.
 *
 * This keeps accidents apart; it is no wall against someone who means harm.
 */
export function runJobs(jobs: readonly Job[], { seconds, memory = 1024 }: Limits): Promise<Ending> {
  const child = fork(join(__dirname, 'child.ts'), {
    execArgv: ['--require', require.resolve('tsx/cjs'), `--max-old-space-size=${memory}`],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, IMPLICIT_LAB_PROGRESS: 'off', TF_CPP_MIN_LOG_LEVEL: '3' },
    // A process group of its own, so that what it starts ends with it.
    detached: process.platform !== 'win32',
  });
  return new Promise((resolve) => {
    const outcomes: Outcome[] = [];
    let output = '';
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      end(child);
    }, seconds * 1000);
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-MOST_OUTPUT);
      });
    }
    child.on('message', (outcome: Outcome) => outcomes.push(outcome));
    child.on('error', (error) => {
      output += error.message;
    });
    child.on('exit', (status, signal) => {
      clearTimeout(timer);
      end(child);
      const isWhole = outcomes.length === jobs.length;
      const stopped = isWhole ? undefined : isLate ? 'time' : status === 0 ? 'exit' : 'crash';
      const how = signal ? `signal ${signal}` : `exit status ${status}`;
      resolve({ outcomes, stopped, details: `${how}\n${output}`.trim() });
    });
    child.send(jobs as Job[]);
  });
}

function end(child: ChildProcess) {
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
