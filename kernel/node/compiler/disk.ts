import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Files, Surroundings } from '../../compiler/files';
import { ROOT } from '../paths';

/** The file system of this machine. */
const disk: Files = {
  read(path) {
    try {
      const text = readFileSync(path, 'utf8');
      return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
    } catch {
      return undefined;
    }
  },
  stamp(path) {
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isFile() ? found.mtimeMs : undefined;
  },
  isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
  entries(path) {
    const files: string[] = [];
    const directories: string[] = [];
    try {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        const isLink = entry.isSymbolicLink();
        const isDirectory = isLink
          ? disk.isDirectory(`${path}/${entry.name}`)
          : entry.isDirectory();
        (isDirectory ? directories : files).push(entry.name);
      }
    } catch {
      // There is no such directory, or it cannot be read.
    }
    return { files, directories };
  },
  realPath(path) {
    try {
      return withSlashes(realpathSync.native(path));
    } catch {
      return path;
    }
  },
};

/** Where TypeScript's library types are, and the kernel. */
export interface Places {
  libraries: string;
  kernel: string;
  /** Packages whose types a snapshot is to hold, as far as the kernel's own folder has them. */
  rehearsed?: readonly string[];
}

function ownPlaces(): Places {
  return { libraries: dirname(require.resolve('typescript/lib/lib.d.ts')), kernel: ROOT };
}

/** A session for notebooks in `directory`, on this machine. */
export function onDisk(directory: string, { libraries, kernel } = ownPlaces()): Surroundings {
  return {
    files: disk,
    directory: withSlashes(directory),
    libraries: withSlashes(libraries),
    kernel: withSlashes(kernel),
    nodeMajor: Number.parseInt(process.versions.node, 10),
  };
}

function withSlashes(path: string): string {
  return path.replaceAll('\\', '/');
}
