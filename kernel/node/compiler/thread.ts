import { Worker } from 'node:worker_threads';
import type { CompilerWorker } from '../../compiler';
import { BOOT, COMPILER } from '../paths';

/** The session in a thread of this process. */
export function startCompilerThread(): CompilerWorker {
  const worker = new Worker(BOOT, {
    workerData: { entry: COMPILER, plain: ['typescript'] },
    // Parsing makes much that lives long: with more room it is moved less often.
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  });
  return {
    post: (request) => worker.postMessage(request),
    onAnswer: (hear) => void worker.on('message', hear),
    end() {
      worker.removeAllListeners('message');
      void worker.terminate();
    },
  };
}
