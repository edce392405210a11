import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Job, Outcome } from './child';

/** How a process with programs of learners ended. */
type Stop = 'timeout' | 'memory' | 'exited' | 'crashed' | 'aborted';

export interface Ending {
  /** One for each job, as far as it came. */
  outcomes: Outcome[];
  /** Why it did not come further; nothing where it did all. */
  stopped?: Stop;
  /** The exit status or signal, and the end of what it printed. */
  details: string;
}

export interface Limits {
  /** Of the whole process, start included. */
  seconds: number;
  /** Of its memory, in MB; 2048 by default. */
  memory?: number;
  signal?: AbortSignal;
}

const MOST_OUTPUT = 16_384;
const MB = 2 ** 20;
const PAGE = 4096;

/**
 * Runs programs in a process of their own, which cannot take this one with it: an endless loop
 * meets the time limit, a leak the limit of memory, and what is printed is cut.
 *
 * This keeps accidents apart; it is no wall against someone who means harm.
 */
export function runJobs(
  jobs: readonly Job[],
  { seconds, memory = 2048, signal }: Limits,
): Promise<Ending> {
  const child = fork(join(__dirname, '..', '..', 'bin', 'boot.cjs'), [join(__dirname, 'child')], {
    execArgv: [`--max-old-space-size=${Math.floor(memory / 2)}`],
    serialization: 'advanced',
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, IMPLICIT_LAB_PROGRESS: 'off', TF_CPP_MIN_LOG_LEVEL: '3' },
    // A process group of its own, so that what it starts ends with it.
    detached: process.platform !== 'win32',
  });
  return new Promise((resolve) => {
    const outcomes: Outcome[] = [];
    let output = '';
    let stopped: Stop | undefined;
    const stop = (why: Stop) => {
      stopped ??= why;
      end(child);
    };
    const timer = setTimeout(() => stop('timeout'), seconds * 1000);
    const watch = setInterval(() => residentBytes(child) > memory * MB && stop('memory'), 100);
    const abort = () => stop('aborted');
    signal?.addEventListener('abort', abort);
    if (signal?.aborted) abort();
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-MOST_OUTPUT);
      });
    }
    child.on('message', (outcome: Outcome) => outcomes.push(outcome));
    let isOver = false;
    const finish = (how: string, natural: Stop) => {
      if (isOver) return;
      isOver = true;
      clearTimeout(timer);
      clearInterval(watch);
      signal?.removeEventListener('abort', abort);
      end(child);
      const isWhole = outcomes.length === jobs.length;
      resolve({
        outcomes,
        ...(isWhole ? {} : { stopped: stopped ?? heapOrElse(output, natural) }),
        details: `${how}\n${output}`.trim(),
      });
    };
    child.on('error', (error) => finish(error.message, 'crashed'));
    child.on('exit', (status, killed) => {
      const how = killed ? `ended by ${killed}` : `exit status ${status}`;
      // What it printed last may still be on its way.
      setTimeout(() => finish(how, killed ? 'crashed' : 'exited'), 20);
    });
    child.send(jobs as Job[], () => {});
  });
}

const heapOrElse = (output: string, otherwise: Stop): Stop =>
  /heap out of memory|Array buffer allocation failed/.test(output) ? 'memory' : otherwise;

/** What a process holds of the machine's memory; 0 where the system does not say. */
function residentBytes({ pid }: ChildProcess): number {
  const file = `/proc/${pid}/statm`;
  if (!existsSync(file)) return 0;
  try {
    return Number(readFileSync(file, 'utf8').split(' ')[1]) * PAGE;
  } catch {
    return 0;
  }
}

function end(child: ChildProcess) {
  try {
    if (process.platform === 'win32') child.kill('SIGKILL');
    else process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
