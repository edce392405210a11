/** A small question in the flow of a lesson, answered by `check('04-a', …)`. */
export type Question = NumberQuestion | ChoiceQuestion;

interface Asked {
  /** The two digits of its lesson and a letter, as in `'04-a'`. */
  id: string;
  /** Markdown with `$…$`. */
  text: string;
  /** Why the answer is what it is: shown folded, or once the answer is right. */
  explanation: string;
}

/** A question whose answer is a number. */
export interface NumberQuestion extends Asked {
  kind: 'number';
  /** Computes the answer. */
  answer(): number;
  /** The relative error up to which a number counts as the answer, 1 % by default. */
  tolerance?: number;
  /** Numbers that typical mistakes lead to, further from the answer than the tolerance. */
  mistakes: readonly WrongNumber[];
}

export interface WrongNumber {
  /** Computes what the mistake leads to. */
  value(): number;
  /** Explains the mistake to the one who made it, without giving the answer away. */
  diagnosis: string;
}

/** A multiple-choice question; the options are called a, b, c, … in their order. */
export interface ChoiceQuestion extends Asked {
  kind: 'choice';
  /** Exactly one of them is right. */
  options: readonly Option[];
}

export interface Option {
  text: string;
  /** Of a wrong option: what speaks against it. The right one has none. */
  diagnosis?: string;
}

/** How close a number has to be unless its question says otherwise. */
export const CLOSE_ENOUGH = 0.01;

/** The letter of an option. */
export const letterOf = (index: number) => String.fromCharCode(97 + index);

/** The letter of the right option. */
export const rightLetter = ({ options }: ChoiceQuestion) =>
  letterOf(options.findIndex(({ diagnosis }) => diagnosis === undefined));
