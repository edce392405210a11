import { comms } from './comm';
import { currentCell } from './context';
import { clearOutput, display } from './display';
import { printed } from './failure';
import { input } from './input';
import { currentSink, redirect } from './redirect';
import { settings } from './settings';

/** What cells and libraries find on `globalThis` wherever they run. */
export const globals = {
  input,
  [Symbol.for('implicit-kernel.display')]: display,
  [Symbol.for('implicit-kernel.clearOutput')]: clearOutput,
  [Symbol.for('implicit-kernel.comms')]: comms,
  [Symbol.for('implicit-kernel.redirect')]: redirect,
  [Symbol.for('implicit-kernel.sink')]: currentSink,
  [Symbol.for('implicit-kernel.settings')]: settings,
  [Symbol.for('implicit-kernel.printed')]: printed,
  [Symbol.for('implicit-kernel.attended')]: () => currentCell().allowInput,
};
