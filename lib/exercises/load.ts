import { join } from 'node:path';

/**
 * Loads a module of this folder when it is needed.
 *
 * The kernel and the command line load TypeScript through a hook of `require`, and a built package
 * is JavaScript; only Vitest, which has no hook, needs `import`.
 */
export async function load<M>(name: string): Promise<M> {
  const path = join(__dirname, name);
  const canRequire =
    typeof require === 'function' && ('.ts' in require.extensions || __filename.endsWith('.js'));
  return canRequire ? require(path) : import(/* @vite-ignore */ `${path}.ts`);
}
