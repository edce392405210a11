import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { stamped, versionsOf } from '../setup/lite/files.mjs';
import { finishSite } from '../setup/lite/finish.mjs';
import { serve } from '../setup/lite/serve.mjs';
import { ENDLESS } from './lite-forms';
import { runLesson } from './lite-lesson';
import { compiledScripts, LiteNotebook, startBrowser } from './lite-page';
import { findSite, prefix } from './lite-site';
import { needs } from './needs';
import { type Output, textOf } from './output';

/**
 * The course in a page: the site that `npm run lite` builds, below a path, from a plain server of
 * files, in a browser. `LITE_SITE` names a site that was built before.
 */

const browserNeed = needs('browser');
const lite = needs('lite');
const time = needs('time');
const root = join(__dirname, '..');
const full = needs('full').available;
const patience = 1_800_000;
/**
 * Three quick ones, with the share of their numbers that may be written differently; `lite-lessons.test.ts` has all. The last
 * compares errors of rounding.
 */
const LESSONS = [
  ['02-implicit-gradient-descent.ipynb', 0.001],
  ['01-stiffness.ipynb', 0.001],
  ['00-second-derivatives.ipynb', 0.1],
] as const;

describe.skipIf(!browserNeed.available || !lite.available || !time.available)(
  'the course in a page',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'implicit-lite-'));
    const hosts = new Set<string>();
    let server: Awaited<ReturnType<typeof serve>>;
    let context: BrowserContext;
    let siteFolder: string;

    const open = (path: string): Promise<LiteNotebook> =>
      LiteNotebook.open(context, server.url, path);

    beforeAll(async () => {
      siteFolder = await findSite(folder);
      server = await serve(siteFolder, { prefix });
    }, patience);

    // A visitor each: JupyterLab opens again what was open before.
    beforeEach(async () => {
      context = await startBrowser(mkdtempSync(join(folder, 'profile-')));
      context.on('request', (request) => {
        const { protocol, hostname } = new URL(request.url());
        if (/^(http|ws)/.test(protocol)) hosts.add(hostname);
      });
    }, patience);

    afterEach(() => context.close(), patience);

    afterAll(() => {
      server?.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    }, patience);

    test.for(LESSONS)(
      'lesson %s says what is stored',
      { timeout: patience },
      async ([name, most]) => {
        const found = await runLesson(
          server.url,
          name,
          mkdtempSync(join(folder, 'profile-')),
          patience / 2000,
        );
        expect(found.failed).toEqual([]);
        expect(found.words).toEqual([]);
        // Times that are not marked as such.
        expect(found.differing / found.numbers).toBeLessThan(most);
      },
    );

    test(
      'errors, types, completion and what is not there are told as under Node.js',
      async () => {
        const notebook = await open('exercises/02-implicit-gradient-descent.ipynb');
        const run = async (source: string): Promise<Output> => {
          await notebook.write(0, source);
          return (await notebook.run(0)).at(-1)!;
        };
        const wrong = await run("const wrong: number = 'text';");
        expect(wrong.evalue).toBe("Type 'string' is not assignable to type 'number'.");
        expect(wrong.traceback?.[0]).toContain('1:7 - TS2322');
        const thrown = await run(
          "function fails(): never {\n  throw new RangeError('so');\n}\nfails();",
        );
        expect(thrown.traceback?.join('\n')).toMatch(
          /^RangeError: so\n[\s\S]*> 2 \| {3}throw new RangeError[\s\S]*at fails \(cell \[2\]:2:9\)\n {4}at cell \[2\]:4:1$/,
        );
        const printed = await run('[1, { a: new Map([[1, 2]]) }, Float32Array.of(0.5)]');
        expect(textOf([printed])).toBe('[ 1, { a: Map(1) { 1 => 2 } }, Float32Array(1) [ 0.5 ] ]');
        // Cells have a process of their own, which is what shares memory.
        expect(textOf([await run('crossOriginIsolated')])).toBe('true');
        expect((await run("import { readFileSync } from 'node:fs';")).evalue).toBe(
          'node:fs belongs to Node.js, and this is a page: run this cell in the installed course.',
        );
        expect((await run('process.exit(0);')).evalue).toMatch(
          /^process\.exit belongs to Node\.js/,
        );
        await run('const giraffe = { neck: 3 };');
        expect(await notebook.complete('giraffe.ne')).toContain('neck');
        // By the checker that goes on from cell to cell, and what it does not accept, by the other one.
        await run(
          'class Herd<T> { private all: T[] = []; add(one: T) { this.all.push(one); return this; } }',
        );
        await run('const herd = new Herd<typeof giraffe>().add(giraffe);');
        expect(textOf([await run('herd.add({ neck: 4 }) === herd')])).toBe('true');
        expect((await run("herd.add({ neck: 'long' });")).evalue).toBe(
          "Type 'string' is not assignable to type 'number'.",
        );
        expect((await run('herd.all;')).evalue).toMatch(/^Property 'all' is private/);
        expect(await notebook.complete('herd.')).toEqual(['add']);
        await notebook.page.close();
      },
      patience,
    );

    test(
      'an interrupt ends loops, waiting and work with tensors, and variables stay',
      async () => {
        const notebook = await open('exercises/03-implicit-sgd.ipynb');
        // What the library takes to load is not the interrupt's.
        await notebook.write(0, "import 'implicit-lab';");
        await notebook.run(0);
        for (const { name, code } of full ? ENDLESS : ENDLESS.slice(0, 5)) {
          expect(await notebook.giveUp(0, code), name).toMatchObject({
            ename: 'KeyboardInterrupt',
            evalue: 'the cell was interrupted',
          });
          await notebook.write(0, 'count > 0');
          expect(textOf(await notebook.run(0)), name).toBe('true');
        }
        await notebook.page.close();
      },
      patience,
    );

    test(
      'a learner is told what is wrong with an exercise, until it is right, and finds it again',
      async () => {
        const path = 'exercises/01-stiffness.ipynb';
        const notebook = await open(path);
        const sources = await notebook.sources();
        const at = (start: string) => sources.findIndex((source) => source.startsWith(start));
        const [answer, check] = [at('function backwardEulerStep'), at("await check('euler-01'")];
        await notebook.run(at('import {'));
        const verdictOn = async (code?: string): Promise<string> => {
          if (code) await notebook.write(answer, code);
          await notebook.run(answer);
          await notebook.run(check);
          const shown = () => notebook.outputs(check).then(textOf);
          await expect.poll(shown).toMatch(/euler-01/);
          return shown();
        };
        expect(await verdictOn()).toMatch(/^○ euler-01: .*to do/i);
        const begin =
          'function backwardEulerStep(A: Matrix, y: Float64Array, h: number): Float64Array {\n';
        expect(
          await verdictOn(
            `${begin}return y.map((yi, i) => yi - h * A[i].reduce((sum, a, j) => sum + a * y[j], 0));\n}`,
          ),
        ).toMatch(/^✗ euler-01: an explicit step/);
        expect(
          await verdictOn(
            `${begin}const M = A.map((row, i) => row.map((a, j) => h * a + (i === j ? 1 : 0)));\nreturn solve(M, y);\n}`,
          ),
        ).toMatch(/^✓ euler-01/);
        await notebook.look('exercise');
        // What a learner hands in.
        const submissions = mkdtempSync(join(folder, 'class-'));
        await notebook.download(join(submissions, 'ada', '01-stiffness.ipynb'));
        const { results, problems } = await checked(submissions, 'euler-01');
        expect(problems).toEqual([]);
        expect(results).toMatchObject([{ submission: 'ada', exercise: 'euler-01', passed: true }]);

        const map = "import { progressMap } from 'implicit-lab-course';\nawait progressMap()";
        await notebook.save();
        await notebook.page.close();

        const again = await open(path);
        expect((await again.sources())[answer]).toContain('return solve(M, y);');
        await again.write(0, map);
        const shown = textOf(await again.run(0));
        await again.look('map');
        expect(shown).toMatch(/What is stiffness\?.*\n +✓ euler-01/);
        await again.page.close();
      },
      patience,
    );

    test(
      "an update of the site leaves a learner's notebook, and offers its own",
      async () => {
        const path = 'exercises/01-stiffness.ipynb';
        const first = await open(path);
        await first.write(0, "'what I have written'");
        await first.save();
        await isKept(first);
        await first.page.close();

        const { port } = new URL(server.url);
        server.close();
        const changed = await changedSite(siteFolder, join(folder, 'changed'), path);
        server = await serve(changed, { prefix, port: Number(port) });
        const before = await open(path);
        const reload = before.page.getByRole('button', { name: 'Reload' });
        await reload.waitFor();
        const beside = await context.newPage();
        await beside.goto(`${server.url}lab/index.html`);
        const told = beside.getByText(/Another tab has gone over/);
        await beside.getByRole('button', { name: 'Reload' }).waitFor();
        await before.page.bringToFront();
        // What is not saved yet is, before the page is left.
        await before.write(0, "'what I have written since'");
        await Promise.all([before.page.waitForEvent('load'), reload.click()]);
        await before.isOpen();
        expect((await before.sources())[0]).toBe("'what I have written since'");
        await told.waitFor();
        await beside.close();
        await before.page.getByRole('button', { name: 'Open the new one' }).click();
        const offered = before.as('exercises/01-stiffness-new.ipynb');
        await offered.isOpen();
        expect((await offered.sources())[0]).toBe("'from the new build'");
        expect((await before.sources())[0]).toBe("'what I have written since'");
        await before.page.close();
      },
      patience,
    );

    test(
      'what was opened once is kept compiled, and opens without a network',
      async () => {
        const first = await open('notebooks/02-implicit-gradient-descent.ipynb');
        await first.run(0);
        await isKept(first);
        await first.page.close();
        const compiled = await compiledScripts(context, `${server.url}lab/index.html`);
        expect(compiled.filter((name) => /^(jlab_core|bundle)\b/.test(name))).toHaveLength(2);
        // Service workers and workers do not learn of a context that is offline.
        await context.setOffline(true);
        const { port } = new URL(server.url);
        server.close();
        try {
          const again = await open('notebooks/02-implicit-gradient-descent.ipynb');
          expect(await again.run(0)).toEqual([]);
          await again.page.close();
        } finally {
          server = await serve(siteFolder, { prefix, port: Number(port) });
        }
      },
      patience,
    );

    test('no host but its own is asked for anything', () => {
      expect([...hosts]).toEqual(['127.0.0.1']);
    });
  },
);

/** All that this page needs is kept for a visit without a network. */
const isKept = ({ page }: LiteNotebook) =>
  page.waitForFunction(() => document.documentElement.dataset.offline === 'ready');

/** The verdicts of `npx implicit-lab check --dir`. */
async function checked(submissions: string, exercise: string) {
  const command = [
    'implicit-lab',
    'check',
    '--all',
    '--dir',
    submissions,
    '--json',
    '--seconds',
    '900',
    exercise,
  ];
  const { stdout } = await promisify(execFile)('npx', command, { cwd: root });
  return JSON.parse(stdout) as { results: object[]; problems: object[] };
}

/** A later build: one notebook begins otherwise. */
async function changedSite(site: string, to: string, path: string): Promise<string> {
  cpSync(site, to, { recursive: true, preserveTimestamps: true });
  const file = join(to, 'files', path);
  const notebook = JSON.parse(readFileSync(file, 'utf8'));
  const cells: { cell_type: string; source: string }[] = notebook.cells;
  cells.find(({ cell_type }) => cell_type === 'code')!.source = "'from the new build'";
  writeFileSync(file, stamped(notebook));
  writeFileSync(join(to, 'versions.json'), JSON.stringify(versionsOf(join(to, 'files'))));
  await finishSite(to);
  return to;
}
