import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { jupyterEnvironment } from './jupyterlab.mjs';
import { inRoot, root, venvPython } from './paths.mjs';
import { run } from './run.mjs';
import { typeChecker } from './type-checker.mjs';

/**
 * @typedef {object} Outcome
 * @property {number} passed
 * @property {string[]} failed
 * @property {string[]} skipped
 * @property {{ file: string, seconds: number }[]} [files]
 *
 * @typedef {object} TestReport
 * @property {string} file
 * @property {string} name
 * @property {string} state
 * @property {string | undefined} note
 *
 * @typedef {object} UnitReport
 * @property {TestReport[]} tests
 * @property {{ file: string, seconds: number }[]} files
 * @property {string[]} errors
 *
 * @typedef {object} Part
 * @property {string} name
 * @property {(folder: string) => Promise<Outcome>} run
 * @property {boolean} [isSlow]
 */

/**
 * The parts of `npm test`. Each has a `name` and a function `run(folder)`, which uses the folder for
 * its own files, shows its output as it comes and returns an outcome: how many `passed`, and a line
 * for each that `failed` or was `skipped`; where it has them, the `files` with their seconds.
 *
 * @type {Part[]}
 */
export const parts = [
  { name: 'Types', run: () => tool(typeChecker(inModules), '--noEmit') },
  { name: 'Format and lint', run: () => tool('@biomejs/biome/bin/biome', 'check') },
  { name: 'Unit tests', run: unitTests },
  { name: 'Lessons', run: lessons, isSlow: true },
];

const inModules = (/** @type {string} */ file) => inRoot('node_modules', file);
const minutes = 60;
const toolLimit = 20 * minutes;
/** Ends what makes no progress, on a busy machine too, and not what is slow. */
const longestSilence = 20 * minutes;
const silenceOf = (/** @type {string} */ file) => ({
  seconds: longestSilence,
  lastSign: () => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0,
});

/**
 * @param {string} script
 * @param {string[]} args
 * @param {Parameters<typeof run>[2]} options
 */
const node = (script, args, options) =>
  run(process.execPath, [inModules(script), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    ...options,
  });

/**
 * @param {string} script
 * @param {string[]} args
 * @returns {Promise<Outcome>}
 */
async function tool(script, ...args) {
  const { ok, reason } = await node(script, args, { limit: { seconds: toolLimit } });
  return ok
    ? { passed: 1, failed: [], skipped: [] }
    : { passed: 0, failed: [reason || 'see its output above'], skipped: [] };
}

/**
 * @param {string} folder
 * @returns {Promise<Outcome>}
 */
async function unitTests(folder) {
  const report = join(folder, 'tests.json');
  const skips = join(folder, 'skips.jsonl');
  const progress = join(folder, 'progress');
  const reporters = ['--reporter=default', `--reporter=${inRoot('setup', 'reporter.mjs')}`];
  // A test marked `only` would silence all others.
  const { ok, reason } = await node(
    'vitest/vitest.mjs',
    ['run', '--allowOnly=false', ...reporters],
    {
      env: { ...jupyterEnvironment(), TEST_REPORT: report, TEST_PROGRESS: progress, SKIPS: skips },
      silence: silenceOf(progress),
    },
  );
  if (!existsSync(report)) {
    return { passed: 0, failed: [reason || 'Vitest ended without a report'], skipped: [] };
  }
  /** @type {UnitReport} */
  const { tests, files, errors } = JSON.parse(readFileSync(report, 'utf8'));
  const named = (/** @type {string} */ state) => tests.filter((test) => test.state === state);
  const failed = [...errors, ...named('failed').map(({ file, name }) => `${file}: ${name}`)];
  if (!ok && failed.length === 0) failed.push(reason || 'Vitest ended with an error of its own');
  return {
    files,
    passed: named('passed').length,
    failed,
    skipped: named('skipped').map(
      (test) => `${test.file}: ${test.name} (${test.note || whyFileSkips(skips, test.file)})`,
    ),
  };
}

/**
 * The reasons that `needs` in test/needs.ts gave for one test file.
 *
 * @param {string} skips
 * @param {string} file
 */
function whyFileSkips(skips, file) {
  const lines = existsSync(skips) ? readFileSync(skips, 'utf8').trim().split('\n') : [];
  const reasons = lines
    .map((line) => JSON.parse(line))
    .filter((skip) => relative(root, skip.file) === file)
    .map((skip) => skip.reason);
  return reasons.length > 0 ? [...new Set(reasons)].join('; ') : 'no reason given';
}

/**
 * @param {string} folder
 * @returns {Promise<Outcome>}
 */
async function lessons(folder) {
  if (!['notebooks', 'solutions'].some(hasNotebooks)) {
    return { passed: 0, failed: [], skipped: ['no notebooks in notebooks/ and solutions/'] };
  }
  const report = join(folder, 'lessons.json');
  const environment = jupyterEnvironment();
  // The short profile, whatever the environment of the shell is.
  delete environment.FULL;
  // One more than there are processors: a kernel that starts, or whose compiler works, leaves one idle.
  const jobs = String(Math.min(4, availableParallelism() + 1));
  const program = [inRoot('test', 'lessons.py'), '--report', report, '--jobs', jobs];
  // Each cell has a limit of its own there; together they may take as long as they need.
  const { reason } = await run(venvPython, program, {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: environment,
  });
  if (!existsSync(report)) {
    return { passed: 0, failed: [reason || 'ended without a report'], skipped: [] };
  }
  /** @type {{ notebook: string, error?: string }[]} */
  const results = JSON.parse(readFileSync(report, 'utf8'));
  return {
    passed: results.filter(({ error }) => !error).length,
    failed: results.flatMap(({ notebook, error }) =>
      error ? [`${notebook}: ${lastLine(error)}`] : [],
    ),
    skipped: [],
  };
}

const hasNotebooks = (/** @type {string} */ folder) =>
  existsSync(inRoot(folder)) && readdirSync(inRoot(folder)).some((name) => name.endsWith('.ipynb'));

const lastLine = (/** @type {string} */ text) => text.trim().split('\n').at(-1);
