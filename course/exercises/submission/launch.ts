import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { bundleIn, modulesFolder, snapshotIn } from './bundle';
import type { OwnFolders } from './watch';

/** How the process that runs a learner's program is started. */
export interface Launch {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** The folder it is started in. */
  folder: string;
  /** Where it writes to, in a sandbox. */
  own?: OwnFolders;
}

export const DEFAULT_MEMORY = 2048;

/** The flag by which Node.js limits its memory, in MB. */
export const heapFlag = (memory: number) => `--max-old-space-size=${Math.floor(memory / 2)}`;

/** How Node.js begins where `makeSnapshot` has been; without it, at its beginning. */
const startIn = (program: string) =>
  existsSync(snapshotIn(program)) ? ['--snapshot-blob', snapshotIn(program)] : [];

/**
 * A process with the rights of this one: it keeps accidents apart, and does not stop someone who
 * means harm.
 *
 * @param program the folder of `makeProgram`, where many are started; the sources otherwise
 */
export function plainLaunch(
  folder: string,
  { memory = DEFAULT_MEMORY, program }: { memory?: number; program?: string | undefined } = {},
): Launch {
  const file = program
    ? [...startIn(program), bundleIn(program)]
    : [join(__dirname, '..', '..', 'bin', 'boot.cjs'), join(__dirname, 'child')];
  const packages = [modulesFolder(), process.env.NODE_PATH].filter(Boolean).join(delimiter);
  return {
    command: process.execPath,
    args: [heapFlag(memory), ...file],
    env: {
      ...process.env,
      ...(program ? { NODE_PATH: packages } : {}),
      IMPLICIT_LAB_PROGRESS: 'off',
      TF_CPP_MIN_LOG_LEVEL: '3',
    },
    folder,
  };
}
