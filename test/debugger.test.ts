import type { Locator } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lab, notebookOf } from './lab';
import { needs } from './needs';

const browser = needs('browser');
const full = needs('full');

const CELL = `function area(width: number, height: number): number {
  const product = width * height;
  const half = product / 2;
  return half;
}
const sides = [3, 4];
const result = area(sides[0]!, sides[1]!);
console.log('area', result);`;

describe.skipIf(!browser.available || !full.available)("JupyterLab's debugger", () => {
  const lab = new Lab();
  beforeAll(() => lab.start());
  afterAll(() => lab.stop());

  test('a breakpoint set in the gutter stops the cell; its frames and variables are seen, steps go line by line', async () => {
    const notebook = await lab.notebook('debugged.ipynb', notebookOf(CELL, 'result + 1'));
    const { page } = notebook;
    const panel = page.locator('.jp-DebuggerSidebar');
    const variables = panel.locator('.jp-DebuggerVariables-body').first();
    const frames = panel.locator('.jp-DebuggerCallstackFrame');
    const press = (name: string) => panel.locator(`[title^="${name}"]`).first().click();

    await page.locator('.jp-DebuggerBugButton').click();
    await page.locator('.jp-DebuggerBugButton[aria-pressed="true"]').waitFor();
    // The first of a gutter has no size: it holds the place of the highest number.
    const lines = notebook.cell(0).locator('.cm-breakpoint-gutter .cm-gutterElement');
    await expect.poll(() => lines.count()).toBe(1 + CELL.split('\n').length);
    await lines.nth(2).click();
    await panel.locator('.jp-DebuggerBreakpoint').waitFor();

    await notebook.edit(0);
    await page.keyboard.press('Control+Enter');
    await frames.first().waitFor();
    await expect
      .poll(() => frames.allInnerTexts())
      .toEqual([expect.stringMatching(/^area\s.*:2$/s), expect.stringMatching(/^cell\s.*:7$/s)]);
    await expect
      .poll(() => namesAndValues(variables))
      .toEqual(expect.arrayContaining(['width 3', 'height 4', 'product undefined']));
    await notebook.look('debugger-stopped');

    await press('Next');
    await expect.poll(() => namesAndValues(variables)).toContain('product 12');
    await press('Next');
    await expect.poll(() => namesAndValues(variables)).toContain('half 6');
    await expect.poll(() => frames.first().innerText()).toMatch(/:4$/);
    await panel.locator('select[aria-label="Scope"]').selectOption('Notebook');
    await expect.poll(() => namesAndValues(variables)).toContain('sides Array');
    await notebook.look('debugger-stepped');

    await press('Continue');
    await notebook.ran();
    expect(await notebook.output(0)).toBe('area 6');
    await notebook.run(1);
    expect(await notebook.output(1)).toBe('7');

    await lines.nth(2).click();
    await panel.locator('.jp-DebuggerBreakpoint').waitFor({ state: 'detached' });
    await notebook.run(0);
    expect(await notebook.output(0)).toBe('area 6');
    await notebook.look('debugger-ran');
    await page.close();
  });
});

/** What the tree of variables shows. */
async function namesAndValues(tree: Locator): Promise<string[]> {
  const shown = await tree
    .locator('.jp-DebuggerVariables-name')
    .evaluateAll((names) => names.map((name) => (name.parentElement as HTMLElement).innerText));
  return shown.map((text) => text.replace(/\s+/g, ' ').trim());
}
