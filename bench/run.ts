import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `npm run bench -- NAME [arguments]`: runs `bench/NAME/index.ts`, which answers one question. */
async function main([name, ...args]: string[]) {
  const names = readdirSync(__dirname).filter((entry) =>
    existsSync(join(__dirname, entry, 'index.ts')),
  );
  if (name === undefined || !names.includes(name)) {
    console.error(`Usage: npm run bench -- NAME, where NAME is one of: ${names.join(', ')}`);
    process.exitCode = 1;
    return;
  }
  const { run }: { run: (args: string[]) => Promise<void> } = await import(`./${name}/index.ts`);
  await run(args);
}

main(process.argv.slice(2));
