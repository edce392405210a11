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
    // A notebook is not stored with a claim that its own run contradicts, seconds included.
    env: { ...jupyterEnvironment(), IMPLICIT_LAB_CLAIMS: 'build' },
  });
  process.exitCode = status ?? 1;
});
