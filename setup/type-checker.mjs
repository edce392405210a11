import { spawnSync } from 'node:child_process';

const seven = 'typescript-7/bin/tsc';
const six = 'typescript/bin/tsc';

/**
 * The compiler that checks types, by its path in node_modules: TypeScript 7, which takes a tenth of
 * the time, where its program runs; else the one that the kernel is built on.
 *
 * @param {(file: string) => string} inModules
 */
export function typeChecker(inModules) {
  const { status } = spawnSync(process.execPath, [inModules(seven), '--version']);
  return status === 0 ? seven : six;
}
