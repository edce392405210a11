import { checkNoMore } from 'implicit-lab/support';
import { escapeHtml, publish } from '../output';
import { loadExercises } from './catalogue';
import { readJournal, standings } from './journal';
import { lessons, notebooksOfExercises } from './lessons';
import { questionIds } from './questions/catalogue';
import { wayHtml, wayText } from './way';

/**
 * Shows the way through the course: its lessons and their exercises, which of them are done, tried
 * or open, what should come first, and what is next.
 */
export async function progressMap(): Promise<void> {
  checkNoMore('progressMap', arguments, 0);
  const { entries, notice } = readJournal();
  const way = {
    lessons: lessons(),
    exercises: await loadExercises(),
    standings: standings(entries),
    notebooks: notebooksOfExercises(),
    questions: questionIds(),
  };
  publish({
    data: {
      'text/html': wayHtml(way) + (notice ? `<p>${escapeHtml(notice)}</p>` : ''),
      'text/plain': wayText(way) + (notice ? `\n${notice}` : ''),
    },
  });
}
