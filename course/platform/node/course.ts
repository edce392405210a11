import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const EXERCISES = join(__dirname, '..', '..', 'exercises');

/** The course that contains this library, unless the variable IMPLICIT_LAB_COURSE names another. */
export const courseFolder = (): string =>
  process.env.IMPLICIT_LAB_COURSE || join(__dirname, '..', '..', '..');

/** The names of the modules in a folder of `course/exercises`, without their endings. */
export const moduleNames = (folder: string): string[] =>
  readdirSync(join(EXERCISES, folder))
    .filter((name) => /\.(ts|js)$/.test(name) && !/\.(d|test)\.ts$/.test(name))
    .map((name) => name.slice(0, -3));

/**
 * Loads a module of `course/exercises` when it is needed.
 *
 * The kernel and the command line load TypeScript through a hook of `require`, and a built package
 * is JavaScript; only Vitest, which has no hook, needs `import`.
 */
export async function loadModule<M>(name: string): Promise<M> {
  const path = join(EXERCISES, name);
  const canRequire =
    typeof require === 'function' && ('.ts' in require.extensions || __filename.endsWith('.js'));
  return canRequire ? require(path) : import(/* @vite-ignore */ `${path}.ts`);
}
