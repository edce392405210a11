import { Kernel } from '../server';
import { nodeHome } from './home';
import { watchParent } from './parent-watch';
import { readConnection } from './protocol';

/** Runs a kernel until Jupyter, or a signal, ends it. */
export function start(connectionFile: string): void {
  const kernel = new Kernel(nodeHome(readConnection(connectionFile)));
  process.on('SIGINT', () => kernel.interrupt());
  const end = () => void kernel.stop().then(() => process.exit(0));
  process.on('SIGTERM', end);
  process.on('SIGHUP', end);
  watchParent(end);
  kernel.start().catch((error) => {
    console.error(`The kernel could not start: ${error.message}`);
    process.exit(1);
  });
}
