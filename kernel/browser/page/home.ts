import type { CompilerWorker } from '../../compiler';
import type { About, Home } from '../../server';
import { CellsWorker } from './cells';
import type { Places } from './cells-at';
import type { PageChannels } from './channels';
import { takeCompiler } from './early-compiler';

/** What a kernel needs, in a page: messages, and a worker each for the cells and the compiler. */
export function pageHome(
  channels: PageChannels,
  places: Places,
  versions: Omit<About, 'host'>,
): Home {
  return {
    about: { ...versions, host: 'this page' },
    channels,
    files: { pathOf: (place) => place, read: () => undefined },
    startCompiler: () => startCompiler(places.scripts),
    startChild: (events) => new CellsWorker(places, events),
    notebookMetadata: () => ({}),
    exit: () => {},
  };
}

function startCompiler(scripts: string): CompilerWorker {
  const worker = takeCompiler(scripts);
  return {
    post: (request) => worker.postMessage(request),
    onAnswer(hear) {
      worker.onmessage = ({ data }) => hear(data);
    },
    end() {
      worker.onmessage = null;
      worker.terminate();
    },
  };
}
