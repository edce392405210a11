import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Json } from '../protocol';
import type { Home, SourceFiles } from '../server';
import { ChildProcessOfCells } from './child-process';
import { startCompilerProcess } from './compiler/child';
import { startCompilerThread } from './compiler/thread';
import { Debugger } from './debugger';
import { bundle, ROOT } from './paths';
import { type Connection, SocketChannels } from './protocol';
import { restOfCompilers } from './rest';

/** What a kernel needs, on Node.js: sockets, a process for the cells, a thread for the compiler. */
export function nodeHome(connection: Connection): Home {
  return {
    about: {
      version: versionIn(join(ROOT, 'package.json')),
      typescript: versionIn(require.resolve('typescript/package.json')),
      host: `Node.js ${process.versions.node}`,
    },
    channels: new SocketChannels(connection),
    files,
    startCompiler: () =>
      bundle === undefined ? startCompilerThread() : startCompilerProcess(bundle),
    compilerRest: restOfCompilers(),
    startChild: (events) => new ChildProcessOfCells(events),
    startDebugger: (inspector, tell) => new Debugger(inspector, tell),
    notebookMetadata,
    exit: () => process.exit(0),
  };
}

const files: SourceFiles = {
  pathOf(place) {
    if (!place.startsWith('file:')) return place;
    try {
      return fileURLToPath(place);
    } catch {
      return place;
    }
  },
  read(path) {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  },
};

/** Of the notebook whose file a Jupyter server names in `JPY_SESSION_NAME`. */
function notebookMetadata(): Json {
  const { JPY_SESSION_NAME: file } = process.env;
  if (!file?.endsWith('.ipynb')) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')).metadata ?? {};
  } catch {
    return {};
  }
}

function versionIn(packageFile: string): string {
  return JSON.parse(readFileSync(packageFile, 'utf8')).version;
}
