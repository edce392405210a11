import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { comparison, load, recorded, save } from './measurements';

const USAGE = 'npm run bench -- NAME [arguments] [--save WORD] [--compare WORD]';

/**
 * `npm run bench -- NAME [arguments]`: runs `bench/NAME/index.ts`, which answers one question.
 *
 * `--save before` keeps what it measures, `--compare before` prints ratios to what was kept.
 */
async function main([name, ...words]: string[]) {
  const names = readdirSync(__dirname).filter((entry) =>
    existsSync(join(__dirname, entry, 'index.ts')),
  );
  if (name === undefined || !names.includes(name)) {
    return fail(`Usage: ${USAGE}, where NAME is one of: ${names.join(', ')}`);
  }
  const { args, options } = optionsOf(words);
  const wrong = Object.entries(options).find(([, word]) => word === undefined || !isWord(word));
  if (wrong) return fail(`${wrong[0]} needs a word of letters, digits and dashes. Usage: ${USAGE}`);
  const { '--save': saveAs, '--compare': against } = options;
  const before = against === undefined ? undefined : load(name, against);
  if (against !== undefined && before === undefined) {
    return fail(`Nothing of ${name} is saved as ${against}: run it with --save ${against} first.`);
  }
  const { run }: { run: (args: string[]) => Promise<void> } = await import(`./${name}/index.ts`);
  await run(args);
  if (saveAs === undefined && before === undefined) return;
  const now = recorded(name, args);
  if (Object.keys(now.measurements).length === 0) {
    return fail(`${name} records no times: call record() of bench/measurements.ts in it.`);
  }
  if (before !== undefined) console.log(`\n${comparison(before, now, against!)}`);
  if (saveAs !== undefined) save(now, saveAs);
}

/** The two options of every benchmark, and what is left for the benchmark itself. */
function optionsOf(words: readonly string[]) {
  const args: string[] = [];
  const options: Partial<Record<'--save' | '--compare', string | undefined>> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word === '--save' || word === '--compare') options[word] = words[++i];
    else args.push(word);
  }
  return { args, options };
}

const isWord = (word: string) => /^[\w-]+$/.test(word);

function fail(message: string): void {
  console.error(message);
  process.exitCode = 1;
}

main(process.argv.slice(2));
