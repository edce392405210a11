import { StringDecoder } from 'node:string_decoder';
import { currentCell } from './context';
import { withoutKernelFrames } from './frames';
import type { Stream } from './messages';
import { send } from './wire';

/** More than anyone reads; a browser that receives much more stops answering. */
const MOST_CHARACTERS = 4_000_000;

/** Sends what a cell prints to the parent, up to a limit. */
export function captureStreams(): void {
  for (const name of ['stdout', 'stderr'] as const) {
    // A character may come in two chunks of bytes.
    const decoder = new StringDecoder();
    process[name].write = ((
      chunk: string | Uint8Array,
      encoding?: BufferEncoding | ((error?: Error) => void),
      callback?: (error?: Error) => void,
    ): boolean => {
      const text = typeof chunk === 'string' ? decoder.end() + chunk : decoder.write(chunk);
      print(name, text);
      const done = typeof encoding === 'function' ? encoding : callback;
      if (done) process.nextTick(done);
      return true;
    }) as typeof process.stdout.write;
  }
}

function print(name: Stream, printed: string): void {
  const cell = currentCell();
  const text = withoutKernelFrames(printed);
  if (text === '' || cell.interrupted || cell.printed > MOST_CHARACTERS) return;
  if (cell.sink) {
    cell.sink.print(name, text);
    return;
  }
  cell.printed += text.length;
  if (cell.printed > MOST_CHARACTERS) {
    const notice = `\n[This cell has printed ${MOST_CHARACTERS} characters; what follows is not shown.]\n`;
    send({ type: 'stream', cell: cell.id, name, text: notice });
    return;
  }
  send({ type: 'stream', cell: cell.id, name, text });
}
