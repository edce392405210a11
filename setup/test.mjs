import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parts } from './parts.mjs';
import { prepare } from './prepare.mjs';
import { runMain, secondsSince } from './step.mjs';

const longSeconds = 10;
/** More tests of one file that are skipped for one reason are counted. */
const mostSkips = 5;

await runMain(async () => {
  const isQuick = process.argv.includes('--quick');
  if (isQuick) process.env.QUICK = '1';
  await prepare();
  const outcomes = await runAll(isQuick);
  console.log(`\n${summary(outcomes)}`);
  process.exitCode = outcomes.some(({ failed }) => failed.length > 0) ? 1 : 0;
});

/**
 * @typedef {import('./parts.mjs').Outcome & { name: string, seconds: number }} NamedOutcome
 */

/**
 * Runs every part, also after one has failed.
 *
 * @param {boolean} isQuick
 */
async function runAll(isQuick) {
  const folder = mkdtempSync(join(tmpdir(), 'npm-test-'));
  /** @type {NamedOutcome[]} */
  const outcomes = [];
  for (const part of parts) {
    const start = Date.now();
    console.log(`\n${part.name}`);
    const outcome =
      isQuick && part.isSlow
        ? { passed: 0, failed: [], skipped: ['left out of the quick run'] }
        : await part.run(folder);
    outcomes.push({ name: part.name, seconds: secondsSince(start), ...outcome });
  }
  rmSync(folder, { recursive: true, force: true });
  return outcomes;
}

/** @param {NamedOutcome[]} outcomes */
function summary(outcomes) {
  const all = (/** @type {'skipped' | 'failed'} */ key) =>
    outcomes.flatMap((outcome) => outcome[key].map((line) => `  ${outcome.name}: ${line}`));
  const long = outcomes
    .flatMap(({ files = [] }) => files)
    .filter(({ seconds }) => seconds >= longSeconds)
    .sort((a, b) => b.seconds - a.seconds)
    .map(({ file, seconds }) => `  ${seconds.toFixed(0).padStart(5)} s  ${file}`);
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  return [
    'Summary',
    ...outcomes.map(line),
    ...section(`Files that took ${longSeconds} s or more`, long),
    ...section('Skipped', counted(all('skipped'))),
    ...section('Failed', all('failed')),
    `${passed} passed, ${all('failed').length} failed, ${all('skipped').length} skipped`,
  ].join('\n');
}

/**
 * A line for many tests of one file that are skipped for one reason.
 *
 * @param {string[]} lines
 */
function counted(lines) {
  const parts = lines.map((text) => /^(.*?\.test\.ts): .* (\([^()]*\))$/.exec(text));
  const keys = parts.map((found, i) => (found ? `${found[1]} ${found[2]}` : `${i}`));
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const [i, text] of lines.entries()) {
    const key = keys[i] ?? text;
    groups.set(key, [...(groups.get(key) ?? []), text]);
  }
  return [...groups].flatMap(([key, group]) =>
    group.length > mostSkips
      ? [key.replace(/ (\([^()]*\))$/, `: ${group.length} tests $1`)]
      : group,
  );
}

/** @param {NamedOutcome} outcome */
function line({ name, seconds, passed, failed, skipped }) {
  const counts = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`;
  return `  ${name.padEnd(16)}${seconds.toFixed(0).padStart(5)} s  ${counts}`;
}

/**
 * @param {string} title
 * @param {string[]} lines
 */
function section(title, lines) {
  return lines.length > 0 ? [title, ...lines] : [];
}
