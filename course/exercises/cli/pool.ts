import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { residentBytes, usageOf } from '../submission/watch';
import type { Answer, Question } from './worker';

/** Seconds that a worker is given beyond those of the program that it has to watch. */
const GRACE = 30;
/** The number of answers, and the memory in use, after which a worker makes room for a new one. */
const MOST_ANSWERS = 500;
const MOST_BYTES = 1.2e9;
/** A worker that uses more memory than this is ended: its data came from a submission. */
const MOST_BYTES_AT_WORK = 2e9;
const LOOK_MS = 200;

/** What a worker could not answer, and why. */
export class WorkerLost extends Error {
  override name = 'WorkerLost';
}

/**
 * A process that reads notebooks and judges, one at a time. What a notebook does to it, it does to
 * no other: it has a time limit, and a new one takes its place.
 */
export class Worker {
  private child: ChildProcess | undefined;
  private answers = 0;

  /** @throws WorkerLost where it ends, or does not answer in time */
  async ask<Q extends Question>(question: Q, seconds: number): Promise<Answer<Q>> {
    this.child ??= start();
    const { child } = this;
    try {
      const answer = await answerOf(child, question, (seconds + GRACE) * 1000);
      this.answers += 1;
      const isTired =
        this.answers >= MOST_ANSWERS || (child.pid && usageOf(child.pid).bytes > MOST_BYTES);
      if (isTired) this.close();
      return answer as Answer<Q>;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    const { child } = this;
    this.child = undefined;
    this.answers = 0;
    if (child) end(child);
  }
}

const start = () =>
  fork(join(__dirname, '..', '..', 'bin', 'boot.cjs'), [join(__dirname, 'worker')], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: ['--max-old-space-size=1024'],
  });

function answerOf(child: ChildProcess, question: Question, milliseconds: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      clearInterval(watch);
      child.off('message', hear).off('exit', lose).off('error', lose);
      act();
    };
    const hear = (answer: { value: unknown } | { error: string }) =>
      settle(() =>
        'value' in answer ? resolve(answer.value) : reject(new WorkerLost(answer.error)),
      );
    const lose = () => settle(() => reject(new WorkerLost('its process ended')));
    const timer = setTimeout(
      () => settle(() => reject(new WorkerLost('it took too long'))),
      milliseconds,
    );
    const watch = setInterval(() => {
      const isLarge = child.pid !== undefined && residentBytes(child.pid) > MOST_BYTES_AT_WORK;
      if (isLarge) settle(() => reject(new WorkerLost('it took too much memory')));
    }, LOOK_MS);
    child.on('message', hear).on('exit', lose).on('error', lose);
    child.send(question, (error) => error && lose());
  });
}

/** Ends a worker, and gives it a moment to end what it has started. */
function end(child: ChildProcess): void {
  child.kill('SIGTERM');
  // Waited for: one that is caught in a loop does not learn of the end of this process either.
  const timer = setTimeout(() => child.kill('SIGKILL'), 1000);
  child.once('exit', () => clearTimeout(timer));
}
