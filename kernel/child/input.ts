import { currentCell } from './context';
import { send } from './wire';

let answer: ((text: string) => void) | undefined;

/** Asks the reader for a line of text. See compiler/globals.d.ts. */
export function input(prompt = '', { password = false } = {}): Promise<string> {
  const cell = currentCell();
  if (!cell.allowInput) {
    return Promise.reject(new Error('input() needs a front end that can ask; this one cannot.'));
  }
  send({ type: 'input', cell: cell.id, prompt: String(prompt), password });
  return new Promise((resolve) => {
    answer = resolve;
  });
}

export function answerInput(text: string): void {
  answer?.(text);
  answer = undefined;
}
