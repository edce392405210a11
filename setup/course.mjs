import { spawnSync } from 'node:child_process';
import { jupyterEnvironment } from './jupyterlab.mjs';
import { inRoot, venvPython } from './paths.mjs';
import { prepare } from './prepare.mjs';
import { runMain } from './step.mjs';

/**
 * `npm run course [-- [--seeds COUNT | --seed K] [--stored] NOTEBOOK …]`: runs all lessons and solutions, or
 * those named, headless; with `--seeds 3` three times more, on other seeds, to see which claims hold there
 * too, with `--seed 3` the third of these times alone; with `--stored` it says which stored numbers this
 * run does not give.
 */
await runMain(async () => {
  await prepare();
  const program = inRoot('test', 'lessons.py');
  const { status } = spawnSync(venvPython, [program, ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: jupyterEnvironment(),
  });
  process.exitCode = status ?? 1;
});
