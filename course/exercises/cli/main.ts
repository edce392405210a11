import { parseArgs } from 'node:util';
import { SourceError } from '../source/parse';
import { checkOwn } from './check';
import { classReport } from './class-report';
import { UsageError } from './course';
import { hint, reset, solution } from './learn';
import { list } from './list';
import { merge } from './merge';
import { newStudy } from './new';
import { checkSubmissions, type Shard } from './submissions';
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
  check --all --dir DIR [--json] [ID …]
                     every exercise in every notebook below DIR, each in its own process
    --sandbox        run them in bubblewrap: for notebooks of people you do not know (Linux)
    --jobs N         at most N at a time (one less than there are cores)
    --records FILE   keep every verdict there, and go on where a run was cut off
    --shard K/N      only the K-th of N parts of all notebooks, for N machines to share
  merge FILE …       one document, as of --json, from files of --records or --json
  report FILE …      the class at a glance, as a page: report.html, or --out FILE
    --csv, --json    print it instead, as a table or a document
    --anonymous      replace the names

Exit status: 0 all right, 1 something is not right yet, 2 something is missing or misspelt.`;

const COMMANDS = ['check', 'watch', 'hint', 'list', 'reset', 'solution', 'new', 'merge', 'report'];

const OPTIONS = {
  all: { type: 'boolean' },
  json: { type: 'boolean' },
  dir: { type: 'string' },
  seconds: { type: 'string' },
  jobs: { type: 'string' },
  sandbox: { type: 'boolean' },
  shard: { type: 'string' },
  records: { type: 'string' },
  out: { type: 'string' },
  csv: { type: 'boolean' },
  anonymous: { type: 'boolean' },
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
      const { sandbox = false, records } = values;
      const jobs = whole(values.jobs, '--jobs');
      const shard = shardOf(values.shard);
      if (dir === undefined) {
        if (sandbox || shard || records) {
          throw new UsageError('--sandbox, --shard and --records go with --dir.');
        }
        return checkOwn({ ids, all, json, seconds });
      }
      return checkSubmissions({ folder: dir, ids, json, seconds, jobs, sandbox, shard, records });
    }
    case 'merge':
      return merge(ids);
    case 'report': {
      const { csv = false, anonymous = false, out } = values;
      return classReport({
        files: ids,
        anonymous,
        form: csv ? 'csv' : json ? 'json' : 'page',
        out,
      });
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

function whole(text: string | undefined, name: string): number | undefined {
  const value = positive(text, name);
  if (value !== undefined && !Number.isInteger(value)) {
    throw new UsageError(`${name} takes a whole number, but was given "${text}".`);
  }
  return value;
}

function shardOf(text: string | undefined): Shard | undefined {
  if (text === undefined) return undefined;
  const [, k, n] = /^(\d+)\/(\d+)$/.exec(text)?.map(Number) ?? [];
  if (!k || !n || k > n) {
    throw new UsageError(
      `--shard takes K/N with K from 1 to N, as in 3/20, but was given "${text}".`,
    );
  }
  return { k, n };
}

/** A signal that the first Ctrl-C gives. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => controller.abort());
  }
  return controller.signal;
}
