import * as tf from '@tensorflow/tfjs';
import { UnsupportedError } from '../errors';

const NOT_FOUND = ['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'];

/**
 * What to do where `import` of a package fails that not everyone installs: names the package if it is
 * the one that is missing, and otherwise passes the error on.
 */
export const refuseMissing =
  (name: string) =>
  (error: NodeJS.ErrnoException): never => {
    if (!NOT_FOUND.includes(error.code ?? '') || !error.message.includes(name)) throw error;
    throw new UnsupportedError({
      given: `a backend whose package ${name} is not installed`,
      expected: 'an installed backend',
      remedy: `Run \`npm install ${name}@${tf.version_core}\`, or use \`useBackend('cpu')\`.`,
    });
  };
