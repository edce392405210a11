import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadExercises } from '../catalogue';
import { textsIn } from '../lessons';
import { nbgraderNotebook } from './nbgrader';
import { fileText } from './notebook';
import { parseSource } from './parse';

// Writes every notebook of exercises below a folder, an assignment each; prints their names.
const folder = process.argv.at(-1)!;
loadExercises().then((all) => {
  const exercises = new Map(all.map((exercise) => [exercise.id, exercise]));
  for (const { name, text } of textsIn('exercises')) {
    const source = `${name}.md`;
    const notebook = nbgraderNotebook(parseSource(text, source), text, source, exercises);
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, `${name}.ipynb`), fileText(notebook));
    console.log(name);
  }
});
