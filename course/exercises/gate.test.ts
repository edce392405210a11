import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { leaveOutOfQuickRun } from '../../test/needs';
import { exerciseIds, loadExercise } from './catalogue';
import { distance } from './compare';
import { constantsOf } from './constants';
import { DEFAULT_SECONDS, DEFAULT_TOLERANCE, type Exercise } from './exercise';
import { areDecided, probesOf } from './fresh';
import { judge } from './judge';
import { lessons } from './lessons';
import { partsOf } from './reading';
import { exerciseNotebook, type Notebook, solutionNotebook, textOf } from './source/notebook';
import { exercisesIn, parseSource, type SourceCell, titleIn } from './source/parse';
import { type Outcome, outcomeOf } from './submission/check';
import { plainLaunch } from './submission/launch';
import { LearnerProcess } from './submission/learner';
import { programOf } from './submission/program';
import { tryOut } from './trial';

leaveOutOfQuickRun();

/**
 * The gate that every exercise has to pass. For one alone:
 *
 *     npx vitest run course/exercises/gate.test.ts -t ift-01
 */

const ROOT = join(__dirname, '..', '..');
const EXERCISES = join(ROOT, 'exercises');
const SOLUTIONS = join(ROOT, 'solutions');
const LESSONS = lessons().map(({ number }) => number);

interface Source {
  /** Without the ending. */
  name: string;
  text: string;
  cells: SourceCell[];
  ids: string[];
  /** Why it cannot be read. */
  error?: string;
}

const sources: Source[] = readdirSync(EXERCISES)
  .filter((file) => /^\d\d[a-z]?-.*\.md$/.test(file))
  .map((file) => {
    const name = file.replace(/\.md$/, '');
    const text = readFileSync(join(EXERCISES, file), 'utf8');
    try {
      const cells = parseSource(text, file);
      return { name, text, cells, ids: exercisesIn(cells) };
    } catch (error) {
      return { name, text, cells: [], ids: [], error: String(error) };
    }
  });

const ids = exerciseIds();

beforeAll(async () => {
  await tf.setBackend('cpu');
});

it('can read every source', () => {
  expect(sources.flatMap(({ error }) => error ?? [])).toEqual([]);
});

it('finds every exercise in exactly one source, and every source with an exercise for each heading', () => {
  expect(sources.flatMap((source) => source.ids).sort()).toEqual(ids);
});

it('leaves no generated notebook without a source', () => {
  const names = sources.map(({ name }) => name);
  const orphans = [EXERCISES, SOLUTIONS]
    .flatMap((folder) => readdirSync(folder))
    .filter((file) => file.endsWith('.ipynb') && !names.includes(file.replace(/\.ipynb$/, '')));
  expect(orphans).toEqual([]);
});

describe.each(ids)('%s', (id) => {
  let exercise: Exercise;
  beforeAll(async () => {
    exercise = await loadExercise(id);
  });
  const source = () => sources.find((one) => one.ids.includes(id))!;

  it('is described completely', () => {
    expect(exercise.id).toBe(id);
    expect(LESSONS).toContain(exercise.lesson);
    expect(source().name.slice(0, 2)).toBe(exercise.lesson);
    expect(exercise.minutes).toBeGreaterThan(0);
    expect(exercise.probes.length).toBeGreaterThan(0);
    expect(exercise.mutants.length).toBeGreaterThanOrEqual(4);
    expect(exercise.alternatives.length).toBeGreaterThanOrEqual(2);
    expect(exercise.hints.length).toBeGreaterThanOrEqual(3);
    const { mutants, properties = [], probes } = exercise;
    for (const named of [mutants, properties, probes]) {
      const names = named.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
    }
    for (const { diagnosis } of mutants) expect(diagnosis.length).toBeGreaterThan(40);
    const known = [...LESSONS, ...ids];
    expect(exercise.needs.filter((need) => !known.includes(need))).toEqual([]);
  });

  it('says the same in its source: title, difficulty, minutes and what comes first', () => {
    const { title, difficulty, minutes, needs } = exercise;
    const after = needs.map((need) => (LESSONS.includes(need) ? `lesson ${need}` : need));
    const line = `*Difficulty ${difficulty} of 3 · ${minutes} minutes${after.length > 0 ? ` · after ${after.join(', ')}` : ''}*`;
    expect(titleIn(source().cells, id)).toBe(title);
    const section = source().cells.find((cell) => cell.exercise === id)!.solution;
    expect(section.split('\n')).toContain(line);
  });

  it('accepts the reference and every alternative', async () => {
    const answers = [{ name: 'reference', answer: exercise.reference }, ...exercise.alternatives];
    for (const { name, answer } of answers) {
      const verdict = await judge(exercise, answer);
      expect(verdict, name).toMatchObject({ status: 'right', remarks: [] });
    }
  });

  it('draws arguments on which right answers agree', async () => {
    const decided: number[] = [];
    for (const seed of [1e6, 2e6, 3e6, 4e6, 5e6]) {
      if (await areDecided(exercise, probesOf(exercise, seed))) decided.push(seed);
    }
    // Others are drawn in place of one on which rounding decides.
    expect(decided.length).toBeGreaterThanOrEqual(3);
  });

  it('does not take a table of the results on its probes for an answer', async () => {
    const table = new Map<string, unknown>();
    for (const { args } of exercise.probes) {
      table.set(await textOfNumbers(args()), await exercise.reference(...(args() as never[])));
    }
    const [guess] = table.values();
    const answer = async (...args: unknown[]) => table.get(await textOfNumbers(args)) ?? guess;
    expect(table.size).toBe(exercise.probes.length);
    expect(await judge(exercise, answer)).toMatchObject({ passed: false });
  });

  it('gives every mutant its own diagnosis', async () => {
    for (const { name, answer } of exercise.mutants) {
      const { status, mistake, title } = await judge(exercise, answer);
      expect({ status, mistake }, `${name}: ${title}`).toEqual({
        status: 'mistake',
        mistake: name,
      });
    }
  });

  it('has probes that tell right and wrong far apart', async () => {
    const { tolerance = DEFAULT_TOLERANCE, probes, reference } = exercise;
    const mutants = exercise.mutants.filter(({ caughtBy }) => !caughtBy);
    const right = await resultsOf(reference, probes);
    const answers = [{ name: 'right', results: right }];
    for (const { name, answer } of mutants) {
      answers.push({ name, results: await resultsOf(answer, probes) });
    }
    for (const [i, one] of answers.entries()) {
      for (const other of answers.slice(i + 1)) {
        const apart = right.map((parts, k) => {
          const [a, b] = [one.results[k], other.results[k]];
          return a && b ? distance(a, b, parts!) : Number.POSITIVE_INFINITY;
        });
        expect(Math.max(...apart), `${one.name} and ${other.name}`).toBeGreaterThan(20 * tolerance);
      }
    }
  });

  it('varies every number and every size in what its probes hand over', () => {
    expect(constantsOf(exercise.probes)).toEqual([]);
  });

  it('takes the stub for to do, and the solution for right, each run on its own', async () => {
    expect(await outcomeFor(source(), id, 'stub')).toMatchObject({
      id,
      verdict: { status: 'to-do' },
    });
    expect(await outcomeFor(source(), id, 'solution')).toMatchObject({
      id,
      failures: [],
      verdict: { status: 'right', remarks: [] },
    });
  });

  it('has a stub and a solution whose types are right', () => {
    for (const kind of ['stub', 'solution'] as const) {
      expect(typeErrors().get(fileName(source(), id, kind))).toEqual([]);
    }
  });

  it('has notebooks that were made from the source as it stands (npm run build:notebooks)', () => {
    const { name, cells, text } = source();
    const compare = (folder: string, made: Notebook) => {
      const path = join(folder, `${name}.ipynb`);
      expect(existsSync(path), `${path} has not been built`).toBe(true);
      const notebook = JSON.parse(readFileSync(path, 'utf8')) as Notebook;
      const plain = (cell: Notebook['cells'][number]) => [cell.cell_type, cell.id, textOf(cell)];
      // Answers that someone has written into the notebook are a difference, too.
      expect(notebook.cells.map(plain), `${path} is not as it was made`).toEqual(
        made.cells.map(plain),
      );
      expect(notebook.metadata['implicit-lab']).toEqual(made.metadata['implicit-lab']);
      return notebook;
    };
    const exercises = compare(EXERCISES, exerciseNotebook(cells, text, `${name}.md`));
    expect(exercises.cells.flatMap((cell) => cell.outputs ?? [])).toEqual([]);
    const solutions = compare(SOLUTIONS, solutionNotebook(cells, text, `${name}.md`));
    const shown = solutions.cells.flatMap((cell) => cell.outputs ?? []);
    expect(JSON.stringify(shown)).toContain(`✓ ${id}`);
  });
});

/** The numbers in some arguments, which distinguish one set from another. */
async function textOfNumbers(args: readonly unknown[]): Promise<string> {
  const parts = await partsOf(args);
  return JSON.stringify(parts.map(({ path, numbers, word }) => [path, [...numbers], word]));
}

/** What a function returns for each probe; undefined where it returns nothing in time. */
async function resultsOf(answer: Exercise['reference'], probes: Exercise['probes']) {
  const results = [];
  for (const probe of probes) {
    const trial = await tryOut(answer, probe, DEFAULT_SECONDS * 1000);
    results.push('parts' in trial ? trial.parts : undefined);
  }
  return results;
}

type Kind = 'stub' | 'solution';

/** The code that belongs to one exercise: what comes before all, and its own section. */
function codeOf({ cells }: Source, id: string, kind: Kind): string[] {
  return cells
    .filter((cell) => cell.kind === 'code' && (cell.exercise ?? id) === id)
    .map((cell) => cell[kind])
    .filter((code) => code !== undefined);
}

/** One process for all: most of what a program costs is its start. */
const learner = new LearnerProcess(plainLaunch(EXERCISES), { seconds: 1200 });
afterAll(() => learner.close());

/** What becomes of the code of an exercise, run by itself. */
async function outcomeFor(source: Source, id: string, kind: Kind): Promise<Outcome> {
  const { code, broken } = programOf(codeOf(source, id, kind));
  expect(broken).toEqual([]);
  const outcome = await outcomeOf(id, code, learner);
  expect(learner.cutOff).toBeUndefined();
  return outcome;
}

const fileName = ({ name }: Source, id: string, kind: Kind) =>
  join(EXERCISES, `${name}.${id}.${kind}.ts`);

let errors: Map<string, string[]> | undefined;

/** The type errors of all stubs and solutions, checked together, as strictly as the kernel does. */
function typeErrors(): Map<string, string[]> {
  if (errors) return errors;
  const files = new Map<string, string>();
  for (const source of sources) {
    for (const id of source.ids) {
      for (const kind of ['stub', 'solution'] as const) {
        const code = codeOf(source, id, kind).join('\n');
        files.set(fileName(source, id, kind), `${code}\nexport {};`);
      }
    }
  }
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    esModuleInterop: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    types: ['node'],
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  host.getSourceFile = (path, language, ...more) => {
    const text = files.get(path);
    return text === undefined
      ? getSourceFile(path, language, ...more)
      : ts.createSourceFile(path, text, language);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  errors = new Map();
  for (const path of files.keys()) {
    const file = program.getSourceFile(path);
    const found = [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ];
    errors.set(
      path,
      found.map(({ messageText, start = 0 }) => {
        const { line } = file!.getLineAndCharacterOfPosition(start);
        const text = file!.text.split('\n')[line]!.trim();
        return `${ts.flattenDiagnosticMessageText(messageText, ' ')} (in: ${text})`;
      }),
    );
  }
  return errors;
}
