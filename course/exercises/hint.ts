import { checkNoMore } from 'implicit-lab/support';
import { escapeHtml, publish } from '../output';
import { exerciseIds, loadExercise, unknownExercise } from './catalogue';
import { readJournal, remember, standings, UNTOUCHED } from './journal';
import { richHtml, richText } from './rich-text';
import { showNoMore } from './shown';

/** One hint of an exercise. */
export interface Hint {
  exercise: string;
  /** From 1. */
  number: number;
  /** How many the exercise has. */
  of: number;
  /** Markdown. */
  text: string;
}

/**
 * Shows the next hint of an exercise: first the idea, then the equation, then nearly the code.
 * After the last one they begin again.
 *
 * @returns the hint, or nothing where no exercise has that id
 */
export async function hint(id: string): Promise<Hint | undefined> {
  checkNoMore('hint', arguments, 1);
  const next = await nextHint(id);
  if (typeof next === 'string') {
    publish({ data: { 'text/html': `<p>${escapeHtml(next)}</p>`, 'text/plain': next } });
    return undefined;
  }
  const { number, of, text, notice } = next;
  const heading = `${id}, hint ${number} of ${of}`;
  const tail = notice ? `\n\n${notice}` : '';
  publish({
    data: {
      'text/html': `<div style="border-left: 4px solid #0072B2; padding: 2px 14px; margin: 4px 0; max-width: 720px"><b>${heading}</b>${richHtml(text + tail)}</div>`,
      'text/plain': `${heading}\n${richText(text + tail)}`,
    },
  });
  return showNoMore({ exercise: id, number, of, text });
}

async function nextHint(id: string): Promise<(Hint & { notice: string | undefined }) | string> {
  if (!exerciseIds().includes(id)) return unknownExercise(String(id));
  const { hints } = await loadExercise(id);
  const { entries, notice } = readJournal();
  const { hints: taken } = standings(entries).get(id) ?? UNTOUCHED;
  const failed = remember({ exercise: id, event: 'hint' });
  const at = taken % hints.length;
  return {
    exercise: id,
    number: at + 1,
    of: hints.length,
    text: hints[at]!,
    notice: notice ?? failed,
  };
}
