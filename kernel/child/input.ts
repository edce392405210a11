import { currentCell } from './context';
import { send } from './host';

let waiting: ((text: string) => void)[] = [];

/** Asks the reader for a line of text. See compiler/globals.d.ts. */
export function input(prompt = '', { password = false } = {}): Promise<string> {
  const cell = currentCell();
  if (!cell.allowInput) {
    return Promise.reject(new Error('input() needs a front end that can ask; this one cannot.'));
  }
  send({ type: 'input', cell: cell.id, prompt: String(prompt), password });
  return new Promise((resolve) => {
    waiting.push(resolve);
  });
}

export function answerInput(text: string): void {
  waiting.shift()?.(text);
}

/** The cell that asked is gone: an answer belongs to the next one that asks. */
export function forgetQuestions(): void {
  waiting = [];
}
