import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { exerciseNotebook, fileText, solutionNotebook } from './notebook';
import { parseSource, SourceError } from './parse';

// Prints the notebook made of a source; the notebook builder reads it.
const [kind, path] = process.argv.slice(2) as ['exercise' | 'solution', string];
const source = basename(path);
try {
  const text = readFileSync(path, 'utf8');
  const make = kind === 'exercise' ? exerciseNotebook : solutionNotebook;
  process.stdout.write(fileText(make(parseSource(text, source), text, source)));
} catch (error) {
  if (!(error instanceof SourceError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
