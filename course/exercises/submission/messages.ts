import type { Alive } from '../live';
import type { Node } from './graph';
import type { Coded } from './values';

/** A request of the judging process to the one that runs the learner's program. */
export type Request =
  /** To run a program as `programOf` makes it. */
  | { type: 'run'; code: string }
  /** To call the function that the program handed to `check`. */
  | { type: 'call'; id: string; args: Coded }
  | Answer;

/** The answer to a call of a function that the judging process keeps. */
export type Answer =
  | { type: 'value'; value: Coded; nodes: Node[]; isPromise: boolean; measure: boolean }
  | { type: 'error'; error: Thrown };

/** A reply of the process that runs the learner's program. */
export type Reply =
  | { type: 'ready' }
  /** The program has run: what it handed to `check`, and which cells threw. */
  | { type: 'ran'; answers: [id: string, answer: Coded][]; failures: Failure[] }
  | { type: 'returned'; value: Coded; changes: Change[]; kept: number }
  | { type: 'threw'; error: Thrown; changes: Change[] }
  /** A call of a function among the arguments; `alive` is what is alive there, where it measures that. */
  | { type: 'callback'; handle: number; args: Coded; changes: Change[]; alive?: Alive };

/** An array among the arguments whose numbers have changed. */
export type Change = [id: number, numbers: Coded];

export interface Failure {
  cell: number;
  message: string;
}

/** An error, or whatever else was thrown. */
export type Thrown = { name: string; message: string } | { value: Coded };
