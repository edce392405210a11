import { spawnSync } from 'node:child_process';
import { jupyterEnvironment } from './jupyterlab.mjs';
import { inRoot, venvPython } from './paths.mjs';
import { prepare } from './prepare.mjs';
import { runMain } from './step.mjs';

/** `npm run build:notebooks [-- NAME … | --all]`: writes and runs the notebooks whose text changed. */
await runMain(async () => {
  await prepare();
  const program = inRoot('setup', 'build_notebooks.py');
  const { status } = spawnSync(venvPython, [program, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: jupyterEnvironment(),
  });
  process.exitCode = status ?? 1;
});
