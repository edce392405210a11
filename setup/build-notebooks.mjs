import { spawnSync } from 'node:child_process';
import { inRoot, venvPython } from './paths.mjs';
import { prepare } from './prepare.mjs';

/** `npm run build:notebooks [-- NAME … | --all]`: writes and runs the notebooks whose text changed. */
await prepare();
const { status } = spawnSync(
  venvPython,
  [inRoot('setup', 'build_notebooks.py'), ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
process.exitCode = status ?? 1;
