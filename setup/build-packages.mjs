import { existsSync } from 'node:fs';
import { buildPackage } from './packages/build.mjs';
import { inRoot } from './paths.mjs';
import { run } from './run.mjs';
import { runMain, SetupError, step } from './step.mjs';

/**
 * `npm run build:packages`: writes `lib/dist/`, `course/dist/` and `kernel/dist/`, each a package ready
 * to be published, and next to them what `npm pack` makes of it.
 */
await runMain(async () => {
  if (!existsSync(inRoot('node_modules', 'esbuild'))) {
    throw new SetupError('The packages are built with what `npm ci` installs: run that first.');
  }
  // The types of the course are made with those of the library.
  for (const folder of ['lib', 'course', 'kernel']) {
    await step(folder, async () => {
      const { name, version, dist } = await buildPackage(inRoot(folder));
      const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
      const { ok, output } = await run(npm, ['pack', '--pack-destination', '..'], { cwd: dist });
      if (!ok) throw new SetupError(`npm could not pack ${dist}:\n${output}`);
      return `${folder}/${name}-${version}.tgz`;
    });
  }
});
