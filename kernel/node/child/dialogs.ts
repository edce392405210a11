import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { currentCell } from '../../child/context';
import { Slot } from '../../child/interruption';
import { send } from './wire';

/** What a page has to ask its reader with: each waits for the answer, and so does the cell. */
export interface Dialogs {
  prompt(text?: string, preset?: string): string | null;
  confirm(text?: string): boolean;
  alert(text?: string): void;
}

/**
 * `prompt`, `confirm` and `alert`. The main thread sleeps in the meantime; the watchdog puts the
 * answer into `answers` and wakes it by `signals`.
 */
export function dialogs(signals: Int32Array, answers: MessagePort): Dialogs {
  const ask = (question: string): string => {
    const cell = currentCell();
    // What is left after an interrupt belongs to no cell.
    while (receiveMessageOnPort(answers));
    Atomics.store(signals, Slot.asking, 1);
    send({ type: 'input', cell: cell.id, prompt: question, password: false });
    Atomics.wait(signals, Slot.asking, 1);
    return String(receiveMessageOnPort(answers)?.message ?? '');
  };
  const needFrontEnd = (name: string): void => {
    if (currentCell().allowInput) return;
    throw new Error(`${name}() needs a front end that can ask; this one cannot.`);
  };
  return {
    prompt(text = '', preset) {
      needFrontEnd('prompt');
      const given = ask(preset === undefined ? `${text} ` : `${text} [${preset}] `);
      return given === '' ? String(preset ?? '') : given;
    },
    confirm(text = '') {
      needFrontEnd('confirm');
      return /^\s*(y|yes|ok|true|1)\s*$/i.test(ask(`${text} [y/N] `));
    },
    alert(text = '') {
      if (currentCell().allowInput) ask(`${text} [Enter] `);
      else console.log(text);
    },
  };
}
