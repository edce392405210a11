import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { install, type Place, uninstall } from './install';
import { start } from './node';

const USAGE = `Usage:
  implicit-kernel install [--prefix DIR | --user]     register the kernel with Jupyter
  implicit-kernel uninstall [--prefix DIR | --user]   take it away again
  implicit-kernel start CONNECTION_FILE               run it; Jupyter does this
  implicit-kernel build                               make what it starts from; else done at the
                                                      first start
  implicit-kernel pack DIR                            make the declarations of the package of
                                                      TypeScript in DIR: it is then imported faster`;

/** The command line of the kernel. */
export function main(parameters: string[]): void {
  const { values, positionals } = parseArgs({
    args: parameters,
    allowPositionals: true,
    options: { prefix: { type: 'string' }, user: { type: 'boolean' } },
  });
  const place: Place = values.prefix ? { prefix: resolve(values.prefix) } : 'user';
  const [command, file] = positionals;
  if (command === 'start' && file) {
    start(file);
  } else if (command === 'install') {
    console.log(`Installed in ${install(place)}`);
  } else if (command === 'uninstall') {
    console.log(`Removed ${uninstall(place)}`);
  } else if (command === 'pack' && file) {
    // Only here is the compiler needed in this process.
    const { packAt }: typeof import('./pack') = require('./pack');
    console.log(`Declared in ${packAt(resolve(file))}`);
  } else {
    console.error(USAGE);
    process.exitCode = 1;
  }
}
