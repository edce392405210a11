import { describe } from '../describe';
import { partsOf } from '../reading';
import { passInterrupt } from '../thrown';
import { LATE, within } from '../trial';
import type { Status, Verdict } from '../verdict';
import {
  type ChoiceQuestion,
  CLOSE_ENOUGH,
  letterOf,
  type NumberQuestion,
  type Question,
} from './question';

/** How long a promise may take that is given for an answer. */
const MILLISECONDS = 5000;

/**
 * Judges the answer to a question; without one (`undefined`) the verdict is `to-do`.
 *
 * A number may come as text (`'1/3'` too) or as a tensor, a choice as its letter or its text.
 * Shows and remembers nothing. Never throws, whatever the answer is, but for the interrupt of a
 * notebook's cell.
 */
export async function judgeAnswer(question: Question, answer: unknown): Promise<Verdict> {
  if (answer === undefined) return verdictOf(question, 'to-do', 'what do you think?');
  let given: unknown;
  try {
    given = await within(Promise.resolve(answer), MILLISECONDS);
    if (given === LATE) return unreadable(question, 'a promise that is not settled');
    return question.kind === 'number'
      ? await judgeNumber(question, given)
      : judgeChoice(question, given);
  } catch (error) {
    passInterrupt(error);
    return unreadable(question, describe(given ?? answer));
  }
}

async function judgeNumber(question: NumberQuestion, given: unknown): Promise<Verdict> {
  const number = await numberIn(given);
  if (number === undefined || Number.isNaN(number)) return unreadable(question, describe(given));
  const { tolerance = CLOSE_ENOUGH, mistakes } = question;
  const right = question.answer();
  const apart = (value: number) =>
    number === value ? 0 : Math.abs(number - value) / Math.abs(value);
  if (apart(right) <= tolerance) return verdictOf(question, 'right', 'right');
  const [nearest] = mistakes
    .map(({ value, diagnosis }) => ({ diagnosis, apart: apart(value()) }))
    .filter((mistake) => mistake.apart <= tolerance)
    .sort((a, b) => a.apart - b.apart);
  if (nearest) return verdictOf(question, 'mistake', 'not yet', nearest.diagnosis);
  const words =
    apart(-right) <= tolerance
      ? 'The size is right, the sign is not.'
      : 'No mistake that is known here leads to this number.';
  return verdictOf(question, 'differs', 'not yet', words);
}

/** The number in an answer; nothing where there is none, or more than one. */
async function numberIn(given: unknown): Promise<number | undefined> {
  if (typeof given === 'bigint') return Number(given);
  if (typeof given === 'string') return numberInText(given);
  const [part, ...rest] = await partsOf(given);
  const isOne = rest.length === 0 && part?.kind === 'numbers' && part.numbers.length === 1;
  return isOne ? part.numbers[0] : undefined;
}

/** `'0.25'`, `'1/4'`, `'−3'`. */
function numberInText(text: string): number | undefined {
  const [above, below = '1', ...more] = text.replaceAll('−', '-').split('/');
  if (!above?.trim() || !below.trim() || more.length > 0) return undefined;
  return Number(above) / Number(below);
}

function judgeChoice(question: ChoiceQuestion, given: unknown): Verdict {
  const { options } = question;
  if (typeof given !== 'string') return unreadable(question, describe(given));
  const words = given.trim().toLowerCase();
  const letter = words.replace(/^\(|[).:]$/g, '');
  const at = options.findIndex(
    ({ text }, index) => letter === letterOf(index) || words === text.toLowerCase(),
  );
  if (at < 0) return unreadable(question, `"${given.slice(0, 60)}"`);
  const { diagnosis } = options[at]!;
  return diagnosis === undefined
    ? verdictOf(question, 'right', 'right')
    : verdictOf(question, 'mistake', `not ${letterOf(at)}`, diagnosis);
}

function unreadable(question: Question, given: string): Verdict {
  const wanted =
    question.kind === 'number'
      ? 'a number'
      : `one of the letters a to ${letterOf(question.options.length - 1)}`;
  return verdictOf(question, 'shape', `${wanted} is wanted`, `What was handed over is ${given}.`);
}

function verdictOf(question: Question, status: Status, title: string, explanation = ''): Verdict {
  return {
    exercise: question.id,
    passed: status === 'right',
    status,
    title,
    explanation: status === 'right' ? question.explanation : explanation,
    evidence: [],
    remarks: [],
  };
}
