import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { jupyterEnvironment } from './jupyterlab.mjs';
import { registerKernel } from './kernel.mjs';
import { checkNode, findPython } from './machine.mjs';
import { installNodePackages } from './node-packages.mjs';
import { inRoot, pythonIn } from './paths.mjs';
import { makeVenv, venvIsReady } from './python-packages.mjs';
import { runMain, SetupError, step } from './step.mjs';

const usage = `Usage: npm run nbgrader -- DIR [COMMAND …]

  DIR                          writes the exercises there as a course of nbgrader: source/, and
                               nbgrader_config.py where there is none
  --install                    only installs nbgrader, in .nbgrader
  DIR generate_assignment NAME
  DIR autograde NAME …         runs a command of nbgrader in the course, with the kernel
`;

const place = {
  folder: inRoot('.nbgrader'),
  requirements: inRoot('setup', 'nbgrader', 'requirements.txt'),
};

/** `npm run nbgrader -- DIR [COMMAND …]`: the exercises as a course of nbgrader. */
await runMain(async () => {
  const [folder, ...command] = process.argv.slice(2);
  if (folder === undefined || (folder.startsWith('-') && folder !== '--install')) {
    throw new SetupError(usage);
  }
  checkNode();
  await step('npm packages', installNodePackages);
  await step('nbgrader in .nbgrader', async (progress) => {
    if (venvIsReady(place)) return 'ready';
    await makeVenv(findPython(), progress, place);
    return 'installed';
  });
  await step('Kernel "TypeScript"', () => registerKernel(place.folder));
  if (folder === '--install') return;
  const course = resolve(folder);
  if (command.length === 0) await step('The course', () => write(course));
  else process.exitCode = nbgrader(course, command);
});

/**
 * Writes the notebooks with their solutions; what students have handed in is left alone.
 *
 * @param {string} course
 */
function write(course) {
  mkdirSync(course, { recursive: true });
  const config = join(course, 'nbgrader_config.py');
  if (!existsSync(config)) cpSync(inRoot('setup', 'nbgrader', 'nbgrader_config.py'), config);
  // Where cells below the course find the library.
  const modules = join(course, 'node_modules');
  if (!existsSync(modules)) symlinkSync(inRoot('node_modules'), modules, 'junction');
  const boot = inRoot('course', 'bin', 'boot.cjs');
  const program = inRoot('course', 'exercises', 'source', 'nbgrader-main');
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [boot, program, join(course, 'source')],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new SetupError(`The notebooks could not be written: ${stderr}`);
  return `${stdout.trim().split('\n').length} assignments in ${join(course, 'source')}`;
}

/**
 * @param {string} course
 * @param {string[]} command
 */
function nbgrader(course, command) {
  const python = pythonIn(place.folder);
  const { status } = spawnSync(python, ['-m', 'nbgrader', ...command], {
    cwd: course,
    stdio: 'inherit',
    env: {
      ...jupyterEnvironment(),
      // It calls programs of its own environment by their names.
      PATH: [dirname(python), process.env.PATH].join(delimiter),
      // What students know is not the lecturer's progress.
      IMPLICIT_LAB_PROGRESS: 'off',
    },
  });
  return status ?? 1;
}
