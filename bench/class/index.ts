import { measureChecking } from './checking';
import { measureHub } from './hub';
import { measureYear } from './year';

/**
 * What does a class take: of people who work at the same time, and of answers to be checked?
 *
 *     npm run bench -- class                              both
 *     npm run bench -- class hub [--students N] [--every SECONDS] [--kill]
 *                                                         JupyterHub; --kill ends a tenth of all
 *                                                         kernels and servers meanwhile
 *     npm run bench -- class check [SUBMISSIONS [JOBS]]   `npx implicit-lab check`
 *     npm run bench -- class year [--submissions N] [--jobs N]
 *                                                         the same for a year's, in shards, cut off
 */
export async function run([part, ...args]: string[]): Promise<void> {
  const parts = part === undefined ? ['hub', 'hub --kill', 'check'] : [[part, ...args].join(' ')];
  for (const one of parts) {
    const [name, ...rest] = one.split(' ');
    if (name === 'hub') await measureHub(rest);
    else if (name === 'check') await measureChecking(rest);
    else if (name === 'year') await measureYear(rest);
    else throw new Error(`bench class knows hub, check and year, not ${name}`);
  }
}
