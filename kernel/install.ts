import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where a kernelspec goes: a Python environment's prefix, or the user's own directory. */
export type Place = { prefix: string } | 'user';

const NAME = 'implicit-kernel';

/**
 * Registers the kernel with Jupyter. The kernelspec names this Node.js and this copy of the kernel
 * by absolute paths, so that it works from any directory.
 *
 * @returns the directory of the kernelspec.
 */
export function install(place: Place): string {
  const directory = directoryOf(place);
  mkdirSync(directory, { recursive: true });
  const spec = {
    argv: [
      process.execPath,
      join(__dirname, 'bin', 'implicit-kernel.cjs'),
      'start',
      '{connection_file}',
    ],
    display_name: 'TypeScript',
    language: 'typescript',
    interrupt_mode: 'message',
    metadata: { debugger: true },
  };
  writeFileSync(join(directory, 'kernel.json'), `${JSON.stringify(spec, null, 2)}\n`);
  return directory;
}

/** Takes the kernelspec away again. */
export function uninstall(place: Place): string {
  const directory = directoryOf(place);
  rmSync(directory, { recursive: true, force: true });
  return directory;
}

/** Jupyter's data directories: `jupyter --paths` lists them. */
function directoryOf(place: Place): string {
  const share = place === 'user' ? userData() : join(place.prefix, 'share', 'jupyter');
  return join(share, 'kernels', NAME);
}

function userData(): string {
  const { JUPYTER_DATA_DIR, APPDATA, XDG_DATA_HOME } = process.env;
  if (JUPYTER_DATA_DIR) return JUPYTER_DATA_DIR;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Jupyter');
  if (process.platform === 'win32') return join(APPDATA ?? homedir(), 'jupyter');
  return join(XDG_DATA_HOME ?? join(homedir(), '.local', 'share'), 'jupyter');
}
