import { checkNoMore } from 'implicit-lab/support';
import { loadModule } from '#platform/course';
import { workingFolder } from '#platform/environment';
import { lastName } from '#platform/files';
import { publish } from '../output';
import { exerciseIds, loadExercise, unknownExercise } from './catalogue';
import type { Exercise } from './exercise';
import { remember } from './journal';
import { isQuestionId, loadQuestion, questionIds, unknownQuestion } from './questions/catalogue';
import type { Question } from './questions/question';
import { showNoMore } from './shown';
import { passInterrupt } from './thrown';
import { type Verdict, verdictHtml, verdictText } from './verdict';

/**
 * Checks an answer to an exercise, or to a question of a lesson: shows ✓ or the mistake, and returns
 * the verdict.
 *
 * The answer is run on the exercise's probes; what comes back is compared with the right results,
 * then with those of known mistakes, then with what every right answer must satisfy.
 * Never throws, whatever the answer does. A loop that never ends has to be interrupted, though; then
 * there is no verdict.
 *
 * A question, `'04-a'`, is answered by a number or by the letter of an option. Without an answer it
 * is shown, with its solution folded, and nothing is remembered.
 *
 * @param id the exercise, as in `'ift-01'`, or the question, as in `'04-a'`
 * @param answer to an exercise: your function itself, synchronous or not; to a question: a number,
 *   or a letter
 */
export async function check(id: string, answer?: unknown): Promise<Verdict> {
  checkNoMore('check', arguments, 2);
  if (isQuestionId(id)) return checkQuestion(id, answer);
  const verdict = await verdictFor(id, answer);
  if (verdict.status !== 'broken') {
    const notice = remember(entryFor(verdict));
    if (notice) verdict.remarks.push(notice);
  }
  show(verdict);
  return verdict;
}

async function checkQuestion(id: string, answer: unknown): Promise<Verdict> {
  if (!questionIds().includes(id)) {
    const verdict = { ...unknown(id), explanation: unknownQuestion(id) };
    show(verdict);
    return verdict;
  }
  const [{ judgeAnswer }, { questionHtml, questionText }, question] = await Promise.all([
    loadModule<{ judgeAnswer(question: Question, answer: unknown): Promise<Verdict> }>(
      'questions/answer',
    ),
    loadModule<Record<'questionHtml' | 'questionText', (q: Question, v: Verdict) => string>>(
      'questions/show',
    ),
    loadQuestion(id),
  ]);
  const verdict = await judgeAnswer(question, answer);
  if (verdict.status !== 'to-do') {
    const notice = remember({ exercise: id, event: 'check', status: verdict.status });
    if (notice) verdict.remarks.push(notice);
  }
  publish({
    data: {
      'text/html': questionHtml(question, verdict),
      'text/plain': questionText(question, verdict),
    },
  });
  return showNoMore(verdict);
}

async function verdictFor(id: string, answer: unknown): Promise<Verdict> {
  if (!exerciseIds().includes(id)) return unknown(String(id));
  try {
    // The judge and the exercise are loaded when they are needed: an import of this library should
    // not wait for thirty exercises.
    const [{ judge }, exercise] = await Promise.all([
      loadModule<{ judge(exercise: Exercise, answer: unknown): Promise<Verdict> }>('judge'),
      loadExercise(id),
    ]);
    return await judge(exercise, answer);
  } catch (error) {
    passInterrupt(error);
    return { ...unknown(id), explanation: `The exercise could not be loaded: ${error}` };
  }
}

const unknown = (id: string): Verdict => ({
  exercise: id,
  passed: false,
  status: 'broken',
  title: 'cannot be checked',
  explanation: unknownExercise(id),
  evidence: [],
  remarks: [],
});

/** To run a solution is to look at it, not to solve the exercise. */
function entryFor({ exercise, status }: Verdict) {
  const isSolution = lastName(workingFolder()) === 'solutions';
  return isSolution
    ? ({ exercise, event: 'solution' } as const)
    : ({ exercise, event: 'check', status } as const);
}

function show(verdict: Verdict) {
  publish({ data: { 'text/html': verdictHtml(verdict), 'text/plain': verdictText(verdict) } });
  showNoMore(verdict);
}
