import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import util from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../../errors';

const require = createRequire(__filename);
const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

/** The package that is there with its compiled addon, or why none is. */
export function findTensorflow(): { package: string } | { reason: string } {
  let reason = '@tensorflow/tfjs-node is not installed';
  for (const name of packages) {
    let lib: string;
    try {
      lib = path.join(path.dirname(require.resolve(`${name}/package.json`)), 'lib');
    } catch {
      continue;
    }
    const versions = existsSync(lib) ? readdirSync(lib) : [];
    if (versions.some((v) => existsSync(path.join(lib, v, 'tfjs_binding.node')))) {
      return { package: name };
    }
    reason = `${name} is installed without its compiled addon`;
  }
  return { reason };
}

/**
 * Makes TensorFlow's own kernels the current backend.
 *
 * @throws UnsupportedError where no package with its addon is there, or it does not load.
 */
export async function useTensorflow(): Promise<{ device: string }> {
  const refuse = (given: string) =>
    new UnsupportedError({
      given,
      expected: 'an installation of @tensorflow/tfjs-node that loads',
      remedy: "Run its install script again, or use `useBackend('wasm')`.",
    });
  const found = findTensorflow();
  if ('reason' in found) throw refuse(`one where ${found.reason}`);
  // tfjs-node 4.22 calls a function that Node 23 took away.
  const old = util as { isNullOrUndefined?: (x: unknown) => boolean };
  old.isNullOrUndefined ??= (x) => x === null || x === undefined;
  try {
    require(found.package);
  } catch (error) {
    throw refuse(`${found.package}, which fails with "${String(error).split('\n')[0]}"`);
  }
  if (!(await tf.setBackend('tensorflow'))) throw refuse(`${found.package}, which does not start`);
  const { isUsingGpuDevice } = tf.backend() as { isUsingGpuDevice?: boolean };
  return { device: isUsingGpuDevice ? 'GPU' : (os.cpus()[0]?.model ?? os.arch()) };
}
