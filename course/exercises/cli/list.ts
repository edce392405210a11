import { loadExercises } from '../catalogue';
import { readJournal, standings, UNTOUCHED } from '../journal';
import { lessons, notebooksOfExercises } from '../lessons';
import { questionIds } from '../questions/catalogue';
import { wayText } from '../way';

/** `implicit-lab list`: all exercises, and how far one is with them. */
export async function list({ json }: { json: boolean }): Promise<number> {
  const { entries, notice } = readJournal();
  const exercises = await loadExercises();
  const known = standings(entries);
  if (json) {
    const rows = exercises.map(({ id, lesson, title, difficulty, minutes, needs }) => ({
      id,
      lesson,
      title,
      difficulty,
      minutes,
      needs,
      ...(known.get(id) ?? UNTOUCHED),
    }));
    console.log(JSON.stringify(rows, null, 2));
  } else {
    const way = {
      lessons: lessons(),
      exercises,
      standings: known,
      notebooks: notebooksOfExercises(),
      questions: questionIds(),
    };
    console.log(wayText(way));
  }
  if (notice) console.error(notice);
  return 0;
}
