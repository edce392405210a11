import { parseArgs } from 'node:util';
import { SourceError } from '../source/parse';
import { checkOwn } from './check';
import { UsageError } from './course';
import { hint, reset, solution } from './learn';
import { list } from './list';
import { newStudy } from './new';
import { checkSubmissions } from './submissions';
import { watch } from './watch';

const USAGE = `Usage: npx implicit-lab COMMAND

  check              check what you have written in exercises/*.ipynb, as last saved
  check ID …         check these exercises
  check --all        name those that are still to do, too
    --json           print the verdicts as JSON
    --seconds S      stop an exercise after S seconds (30)
  watch [ID …]       check again whenever a notebook is saved
  hint ID            the next hint
  list [--json]      all exercises, and how far you are
  reset ID           put the stub back; what was there is kept
  solution ID        print the solution (--yes: without asking)
  new NAME           make a folder with a notebook for work of your own

For lecturers:
  check --all --dir DIR [--json] [ID …] [--jobs N]
                     every exercise in every notebook below DIR, each in a process of its own

Exit status: 0 all right, 1 something is not right yet, 2 something is missing or misspelt.`;

const COMMANDS = ['check', 'watch', 'hint', 'list', 'reset', 'solution', 'new'];

const OPTIONS = {
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  dir: { type: 'string' },
  seconds: { type: 'string' },
  jobs: { type: 'string' },
  yes: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The command line; returns the exit status. */
export async function main(parameters: string[]): Promise<number> {
  try {
    return await run(parameters);
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof SourceError;
    if (!isUsage && !(error instanceof TypeError && 'code' in error)) throw error;
    console.error((error as Error).message);
    return 2;
  }
}

async function run(parameters: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: parameters,
    options: OPTIONS,
    allowPositionals: true,
  });
  const [command, ...ids] = positionals;
  if (values.help || command === 'help') {
    console.log(USAGE);
    return 0;
  }
  const { all = false, json = false, yes = false, dir } = values;
  const seconds = positive(values.seconds, '--seconds') ?? 30;
  switch (command) {
    case 'check': {
      const jobs = positive(values.jobs, '--jobs');
      return dir === undefined
        ? checkOwn({ ids, all, json, seconds })
        : checkSubmissions({ folder: dir, ids, json, seconds, jobs });
    }
    case 'watch':
      return watch({ ids, seconds, signal: interrupted() });
    case 'list':
      return list({ json });
    case 'hint':
      return hint(only(ids, command));
    case 'reset':
      return reset(only(ids, command));
    case 'solution':
      return solution(only(ids, command), { yes });
    case 'new':
      return newStudy(onlyName(ids));
    default:
      throw new UsageError(command === undefined ? USAGE : unknownCommand(command));
  }
}

function unknownCommand(command: string): string {
  const meant = COMMANDS.find((name) => name.startsWith(command.slice(0, 2)));
  return `There is no command "${command}".${meant ? ` Did you mean ${meant}?` : ''}\n\n${USAGE}`;
}

function only(ids: readonly string[], command: string): string {
  const [id, ...more] = ids;
  if (id === undefined || more.length > 0) {
    throw new UsageError(
      `${command} takes one exercise, as in: npx implicit-lab ${command} ift-01`,
    );
  }
  return id;
}

function onlyName(names: readonly string[]): string {
  const [name, ...more] = names;
  if (name === undefined || more.length > 0) {
    throw new UsageError('new takes one name, as in: npx implicit-lab new my-study');
  }
  return name;
}

function positive(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) {
    throw new UsageError(`${name} takes a positive number, but was given "${text}".`);
  }
  return value;
}

/** A signal that the first Ctrl-C gives. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort());
  }
  return controller.signal;
}
