import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Answer, CompilerWorker } from '../../compiler';
import { BIN } from '../paths';
import { startCompilerThread } from './thread';

interface Bundles {
  COMPILER_FLAGS: readonly string[];
  places(): object;
  environment(): NodeJS.ProcessEnv;
  snapshot(bundle: string): string | undefined;
  makeSnapshotLater(bundle: string): void;
}

/** A first start is not to be slowed down by what makes the next one faster. */
const LATER_MS = 3000;

/** What did not come to answer is not tried again: first the snapshot, then the process. */
const failed = { snapshot: false, process: false };

/**
 * The session in a separate process, which continues from the snapshot; without a snapshot it
 * is made for the next start. Where no process answers, a thread takes its place.
 */
export function startCompilerProcess(bundle: string): CompilerWorker {
  if (failed.process) return startCompilerThread();
  const bundles: Bundles = require(join(BIN, 'bundle.cjs'));
  const snapshot = failed.snapshot ? undefined : bundles.snapshot(bundle);
  const start = snapshot ? ['--snapshot-blob', snapshot] : [];
  const places = JSON.stringify(bundles.places());
  const flags = [...bundles.COMPILER_FLAGS, ...start, join(bundle, 'compiler.cjs'), places];
  const compiler = spawn(process.execPath, flags, {
    stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
    env: bundles.environment(),
    windowsHide: true,
  });
  const requests: Writable = compiler.stdin!;
  const answers = compiler.stdio[3] as Readable;
  let state: 'silent' | 'answers' | 'ended' = 'silent';
  requests.on('error', () => {});
  return {
    post: (request) => void requests.write(`${JSON.stringify(request)}\n`),
    onAnswer(hear) {
      answers.on('error', () => {});
      eachLine(answers, (line) => {
        if (state === 'ended') return;
        if (state === 'silent' && !snapshot) {
          setTimeout(() => bundles.makeSnapshotLater(bundle), LATER_MS).unref();
        }
        state = 'answers';
        const answer: Answer = JSON.parse(line);
        hear(answer);
      });
    },
    onEnd(hear) {
      const end = (): void => {
        if (state === 'ended') return;
        if (state === 'silent') failed[snapshot ? 'snapshot' : 'process'] = true;
        state = 'ended';
        hear();
      };
      compiler.once('error', end);
      compiler.once('close', end);
    },
    end() {
      state = 'ended';
      compiler.kill('SIGKILL');
    },
  };
}

function eachLine(pipe: Readable, hear: (line: string) => void): void {
  let partial: string[] = [];
  pipe.setEncoding('utf8');
  pipe.on('data', (text: string) => {
    const [first = '', ...rest] = text.split('\n');
    partial.push(first);
    for (const next of rest) {
      hear(partial.join(''));
      partial = [next];
    }
  });
}
