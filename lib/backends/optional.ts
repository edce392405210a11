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
      given: `an installation without the package ${name}`,
      expected: 'one that has it',
      remedy: `Run \`npm install ${name}\`, or use \`useBackend('cpu')\`.`,
    });
  };
