import { currentCell } from './context';
import { plainText } from './frames';
import { send } from './host';
import type { Stream } from './messages';

/** More than anyone reads; a browser that receives much more stops answering. */
const MOST_CHARACTERS = 4_000_000;

/** To the first column, which front ends know by its old name. */
const FIRST_COLUMN = ['\x1b[1G', '\x1b[0G', '\x1b[G'];

/** Sends what the running cell prints, up to a limit. */
export function print(name: Stream, printed: string): void {
  const cell = currentCell();
  const text = FIRST_COLUMN.reduce((all, code) => all.replaceAll(code, '\r'), plainText(printed));
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
