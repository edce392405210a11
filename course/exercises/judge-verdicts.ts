import { formatNumber } from '../output';
import { distance, type Evidence } from './compare';
import { describe } from './describe';
import type { Pair } from './judge-parts';
import type { Part } from './reading';
import { describeError } from './trial';
import type { Status, Verdict } from './verdict';

/** The remark on tensors that an answer made and did not dispose of; none where there are none. */
export function leftBehind(kept: number, calls: number): string[] {
  if (!(kept > 0 && calls > 0)) return [];
  const tensors = kept === 1 ? 'a tensor was' : `${kept} tensors were`;
  const times = calls === 1 ? 'one call' : `${calls} calls`;
  return [
    `${tensors} left behind in ${times}. \`tf.tidy\` or \`dispose()\` gives their memory back.`,
  ];
}

/** A relative difference that is close, where the exercise is not strict enough to say so itself. */
const CLOSE = 0.05;

/** What is known of wrong numbers: that, and no guess at a reason. */
export function differs(
  pairs: Pair[],
  {
    apart,
    tolerance,
    wrong,
    factor,
  }: { apart: number; tolerance: number; wrong: string[]; factor: number | undefined },
): string {
  const only = wrong.length === 1 && wrong[0] !== '' ? `\`${wrong[0]!.slice(1)}\`` : undefined;
  const opening = only ? `Only ${only} differs. ` : '';
  const subject = only ?? 'Your result';
  if (factor !== undefined && Math.abs(factor + 1) < 1e-3) {
    return `${opening}${subject} has the opposite sign, on all probes.`;
  }
  if (factor !== undefined) {
    return `${opening}${subject} is ${formatNumber(factor, 4)} times the right one, on all probes. Which constant is missing, or there twice?`;
  }
  if (apart < Math.min(1e3 * tolerance, CLOSE)) {
    return `${opening}It is close, but not close enough: the relative difference is ${formatNumber(apart, 3)}, and at most ${formatNumber(tolerance, 1)} is asked for.`;
  }
  const good = pairs.filter(({ mine, right }) => distance(mine, right, right) <= tolerance);
  return good.length === 0
    ? `${opening}No known mistake gives this result. It is wrong on all probes; a hint may help.`
    : `${opening}No known mistake gives this result. It is right on ${listed(good)} and wrong elsewhere: what is special there?`;
}

/** The parts of the result that are wrong on some probe. */
export function wrongPaths(pairs: Pair[], tolerance: number): string[] {
  const paths = new Set(pairs.flatMap(({ right }) => right.map(({ path }) => path)));
  return [...paths].filter((path) =>
    pairs.some(({ mine, right }) => {
      const at = (parts: Part[]) => parts.filter((part) => part.path === path);
      return distance(at(mine), at(right), right) > tolerance;
    }),
  );
}

/** What is said of an answer that is right on the probes of the exercise, and not on others. */
export function knownOnly(verdict: Verdict): Verdict {
  const opening =
    'Your answer is right on the probes of the exercise, which never change, and not with arguments that are drawn anew for each check. Does it hold numbers, or lengths, of the probes?';
  // Which probes are right has been said.
  if (verdict.status === 'differs') {
    return { ...verdict, title: 'right on the known probes alone', explanation: opening };
  }
  return { ...verdict, explanation: `${opening}\n\n${verdict.explanation}` };
}

export function notAFunction(id: string, answer: unknown): Verdict {
  return verdictOf(id, 'not-a-function', 'a function is wanted', {
    explanation: `What was handed over is ${describe(answer)}. Pass the function itself, without calling it: \`await check('${id}', yourFunction)\`.`,
  });
}

export function threw(id: string, probe: string, error: unknown, others: Pair[]): Verdict {
  const fine = others.length > 0 ? ` On ${listed(others)} it ran through.` : '';
  return verdictOf(id, 'threw', 'your function threw', {
    explanation: `On the ${probe} probe: \`${describeError(error).replaceAll('`', "'")}\`.${fine}`,
  });
}

function listed(pairs: Pair[]): string {
  const names = pairs.map(({ probe }) => `*${probe.name}*`);
  return names.length === 1
    ? `the ${names[0]} probe`
    : `the probes ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

export function tooSlow(
  id: string,
  probe: string | undefined,
  seconds: number,
  took?: number,
): Verdict {
  const explanation =
    took === undefined
      ? `No result on the ${probe} probe within ${seconds} s. Is there a promise that is never resolved, or an iteration without end?`
      : `The numbers are right, but they took ${took.toFixed(1)} s where ${seconds} s is plenty.`;
  return verdictOf(id, 'too-slow', 'too slow', { explanation });
}

export function verdictOf(
  exercise: string,
  status: Status,
  title: string,
  more: { mistake?: string; explanation?: string; evidence?: Evidence[] } = {},
): Verdict {
  return {
    exercise,
    passed: status === 'right',
    status,
    title,
    explanation: '',
    evidence: [],
    remarks: [],
    ...more,
  };
}
