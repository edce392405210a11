import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lab, type Notebook, notebookOf } from './lab';
import { needs } from './needs';

/**
 * What a learner does in JupyterLab, from the first lesson to an exercise, in a browser and on the
 * real notebooks. They are copies: nothing in the repository changes.
 */

const root = join(__dirname, '..');
const browserNeed = needs('browser');
const timeNeed = needs('time');
const full = needs('full');

describe.skipIf(!browserNeed.available || !timeNeed.available)('a learner in JupyterLab', () => {
  const lab = new Lab();
  beforeAll(() => lab.start());
  afterAll(() => lab.stop());

  // By `npm test` each lesson runs through its kernel, one in a page, and a figure answers the mouse in JupyterLab.
  test.skipIf(!full.available)(
    'runs lesson 12 from top to bottom, predicts, and sees its figures',
    async () => {
      const text = readFileSync(join(root, 'notebooks/12-forward-reverse-truncated.ipynb'), 'utf8');
      const notebook = await lab.notebook('12.ipynb', text);
      await notebook.menu('Edit', 'Clear Outputs of All Cells');
      await notebook.runAll();
      const cells = await notebook.save();
      const outputs = cells.flatMap((cell) => cell.outputs ?? []);
      expect(outputs.filter(({ output_type }) => output_type === 'error')).toEqual([]);
      const figures = outputs.filter(({ data }) => data && 'image/png' in data);
      expect(figures.length).toBeGreaterThanOrEqual(3);
      await expectSeen(notebook);
      await expectPredicted(notebook, 'about threefold', 'T^, predicted');
      await notebook.look('lesson');
      await notebook.page.close();
    },
  );

  test('is told what is wrong with an exercise, until it is right', async () => {
    const text = readFileSync(join(root, 'exercises/01-stiffness.ipynb'), 'utf8');
    const notebook = await lab.notebook('01.ipynb', text);
    const cells = JSON.parse(text).cells as { cell_type: string; source: string[] | string }[];
    const sources = cells.map(({ source }) => [source].flat().join(''));
    const at = (start: string) => sources.findIndex((source) => source.startsWith(start));
    const [answer, check] = [at('function backwardEulerStep'), at("await check('euler-01'")];
    await notebook.run(at('import {'));

    const verdictOn = async (code?: string) => {
      if (code) await notebook.write(answer, code);
      await notebook.run(answer);
      await notebook.run(check);
      return notebook.output(check);
    };
    expect(await verdictOn()).toMatch(/^○ euler-01: .*to do/i);
    const begin =
      'function backwardEulerStep(A: Matrix, y: Float64Array, h: number): Float64Array {\n';
    const forward =
      'return y.map((yi, i) => yi - h * A[i].reduce((sum, a, j) => sum + a * y[j], 0));\n}';
    expect(await verdictOn(begin + forward)).toMatch(/^✗ euler-01: an explicit step/);
    const backward = `const M = A.map((row, i) => row.map((a, j) => h * a + (i === j ? 1 : 0)));
        return solve(M, y);\n}`;
    expect(await verdictOn(begin + backward)).toMatch(/^✓ euler-01/);

    const map = sources.length;
    await notebook.append(
      "import { progressMap } from 'implicit-lab-course';\nawait progressMap()",
    );
    await notebook.run(map);
    await notebook.look('map');
    expect(await notebook.output(map)).toMatch(/What is stiffness\?[^\n]*✓ euler-01/);
    await notebook.page.close();
  });

  test('completes, looks things up, interrupts, and starts again, by keyboard and menu', async () => {
    const notebook = await lab.notebook(
      'work.ipynb',
      notebookOf(
        "import { progress } from 'implicit-lab-course';\nconst greeting = 'good morning';",
        '',
        "const bar = progress(1000, 'working');\nfor (let i = 0; ; i = (i + 1) % 999) {\n  bar.update(i);\n  await new Promise((resolve) => setTimeout(resolve, 5));\n}",
        'greeting.length',
      ),
    );
    const { page } = notebook;
    await notebook.run(0);

    await notebook.edit(1);
    await page.keyboard.type('greeting.toUpperC');
    await expect
      .poll(async () => {
        // JupyterLab gives up after a second; who sees nothing presses Tab again.
        await page.keyboard.press('Tab');
        const offered = page.locator('.jp-Completer').getByText('toUpperCase');
        return offered.waitFor({ timeout: 10_000 }).then(
          () => true,
          () => false,
        );
      })
      .toBe(true);
    await page.keyboard.press('Enter');
    await notebook.cell(1).getByText('greeting.toUpperCase').waitFor();
    await page.keyboard.press('Shift+Tab');
    await page.locator('.jp-Tooltip').getByText('toUpperCase(): string').waitFor();
    await notebook.look('tooltip');
    await page.keyboard.press('Escape');

    await notebook.edit(2);
    await page.keyboard.press('Control+Enter');
    const working = notebook.cell(2).locator('.jp-OutputArea');
    await working.getByText('left').waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('i');
    await page.keyboard.press('i');
    await working.getByText('KeyboardInterrupt').first().waitFor();
    expect(await notebook.output(2)).toMatch(/working: stopped at \d+ of 1,000 after/);
    await notebook.run(3);
    expect(await notebook.output(3)).toBe('12');

    await notebook.write(1, 'greeting.toUpperCase()');
    await notebook.write(2, '2 + 2');
    await notebook.menu('Kernel', 'Restart Kernel and Run All Cells…');
    await page.locator('.jp-Dialog').getByText('Restart', { exact: true }).click();
    const prompts = page.locator('.jp-Notebook .jp-InputPrompt');
    await expect.poll(() => prompts.allInnerTexts()).toEqual(['[1]:', '[2]:', '[3]:', '[4]:']);
    await notebook.ran();
    const cells = await notebook.save();
    expect(cells.map((cell) => cell.execution_count)).toEqual([1, 2, 3, 4]);
    const shown = await Promise.all([0, 1, 2, 3].map((i) => notebook.output(i)));
    expect(shown).toEqual(['', "'GOOD MORNING'", '4', '12']);
    await page.close();
  });

  test('no host but this machine is asked for anything', () => {
    expect([...lab.hosts]).toEqual(['localhost']);
  });
});

/** All figures are pictures with something on them, and one becomes interactive under the mouse. */
async function expectSeen({ page }: Notebook): Promise<void> {
  // The stills of what a control draws are there for readers without a kernel, and hidden here.
  const pictures = page.locator('.jp-RenderedPlotly img.plot-img:visible');
  expect(await pictures.count()).toBeGreaterThanOrEqual(2);
  for (const picture of await pictures.all()) {
    await picture.scrollIntoViewIfNeeded();
    const width = await picture.evaluate((image: HTMLImageElement) => image.naturalWidth);
    expect(width).toBeGreaterThan(700);
  }
  const last = page.locator('.jp-RenderedPlotly:visible').last();
  await last.hover();
  await last.locator('.main-svg').first().waitFor();
}

/** What comes out is hidden until one of the choices is pressed. */
async function expectPredicted({ page }: Notebook, choice: string, outcome: string): Promise<void> {
  const shown = page.locator('.implicit-lab-outputs');
  expect(await shown.getByText(outcome).count()).toBe(0);
  await page.getByRole('button', { name: choice }).click();
  await shown.getByText(`You predicted: ${choice}`).waitFor();
  await shown.getByText(outcome).first().waitFor();
}
