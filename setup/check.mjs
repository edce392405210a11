import { spawnSync } from 'node:child_process';
import { inRoot } from './paths.mjs';
import { typeChecker } from './type-checker.mjs';

/** `npm run check`: checks the types of everything; arguments go to the compiler. */
const inModules = (/** @type {string} */ file) => inRoot('node_modules', file);
const { status } = spawnSync(
  process.execPath,
  [inModules(typeChecker(inModules)), '--noEmit', ...process.argv.slice(2)],
  { cwd: inRoot(), stdio: 'inherit' },
);
process.exitCode = status ?? 1;
