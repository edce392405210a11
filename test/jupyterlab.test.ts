import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lab, type Notebook, notebookOf } from './lab';
import { needs } from './needs';

const browserNeed = needs('browser');
const timeNeed = needs('time');
const full = needs('full');

/** One of those that are not executed when they are made. */
const EXERCISES = `exercises/${readdirSync(join(__dirname, '..', 'exercises')).find((name) => name.endsWith('.ipynb'))}`;

describe.skipIf(!browserNeed.available || !timeNeed.available)('JupyterLab in a browser', () => {
  const lab = new Lab();
  beforeAll(() => lab.start());
  afterAll(() => lab.stop());

  test('the launcher offers TypeScript, and nothing asks for attention', async () => {
    const page = await lab.page('lab');
    const launcher = page.locator('.jp-Launcher');
    await launcher.getByText('TypeScript', { exact: true }).first().waitFor();
    // News and update checks start once the page has settled.
    await page.waitForLoadState('networkidle');
    expect(await page.locator('.jp-Dialog').count()).toBe(0);
    expect(await page.locator('.Toastify__toast').allTextContents()).toEqual([]);
    await page.close();
  });

  test('the front page of the course is what opens, set as it reads, and leads to its notebooks', async () => {
    const page = await lab.page();
    const front = page.locator('.jp-MarkdownViewer');
    await front.getByRole('heading', { name: 'The map' }).waitFor();
    await front.locator('mjx-container').first().waitFor();
    await front.getByRole('link', { name: 'euler-01, euler-02' }).click();
    await page
      .locator('.jp-Notebook')
      .getByRole('heading', { name: /^euler-01/ })
      .waitFor();
    await page.close();
  });

  test('the file browser opens in notebooks/, from where the rest of the course can be reached', async () => {
    const page = await lab.page();
    await page.locator('.jp-MarkdownViewer h1').waitFor();
    const crumbs = page.locator('.jp-FileBrowser .jp-BreadCrumbs');
    await crumbs.getByText('notebooks').waitFor();
    const items = page.locator('.jp-DirListing-item');
    await items.filter({ hasText: '00-second-derivatives.ipynb' }).waitFor();
    // What notebooks are built from is next to them, and is not for the learner.
    expect(await items.filter({ hasText: /\d\d-.*\.md/ }).count()).toBe(0);
    await crumbs.locator('.jp-BreadCrumbs-home').click();
    await page.locator('.jp-DirListing-item', { hasText: 'package.json' }).waitFor();
    await page.close();
  });

  // With `FULL=1` also a notebook of exercises.
  test.for(['notebooks/00-second-derivatives.ipynb', ...(full.available ? [EXERCISES] : [])])(
    '%s is unmodified when it was opened, and when it was saved',
    async (name) => {
      const content = readFileSync(join(__dirname, '..', name), 'utf8');
      const notebook = await lab.notebook(`opened-${basename(name)}`, content);
      // What the kernel says of itself arrives once it has started.
      await notebook.page.waitForTimeout(2000);
      expect(await notebook.page.locator('.jp-mod-dirty').count()).toBe(0);
      await notebook.save();
      expect(readFileSync(notebook.file, 'utf8')).toBe(content);
      await notebook.page.close();
    },
  );

  test('figures, tables and values are read well in light and in dark', async () => {
    const notebook = await lab.notebook('shown.ipynb', notebookOf(...SHOWN));
    await notebook.runAll();
    // Until the pointer comes to it a figure is a picture, as wide as the cell at most.
    const picture = notebook.page.locator('.jp-RenderedPlotly:has(img.plot-img)');
    const excess = await picture.evaluate((cell) => cell.scrollWidth - cell.clientWidth);
    expect(excess).toBe(0);
    for (const theme of ['JupyterLab Light', 'JupyterLab Dark']) {
      await notebook.menu('Settings', 'Theme', theme);
      const body = notebook.page.locator(`body[data-jp-theme-name="${theme}"]`);
      await body.waitFor({ state: 'attached' });
      await notebook.page.locator('.jp-RenderedPlotly').hover();
      await notebook.page.locator('.jp-RenderedPlotly .main-svg').first().waitFor();
      await notebook.look(`shown-${theme.slice(-5).trim()}`);
      for (const seen of ['.xtitle', '.xtick text']) {
        // The paper of a figure is white under both.
        expect(await contrast(notebook, `.jp-RenderedPlotly ${seen}`, 'white')).toBeGreaterThan(
          4.5,
        );
      }
      for (const seen of ['th', 'td', 'pre', 'small']) {
        expect(await contrast(notebook, `.jp-OutputArea ${seen}`), seen).toBeGreaterThan(4.5);
      }
    }
    await notebook.menu('Settings', 'Theme', 'JupyterLab Light');
    await notebook.page.close();
  });

  test('a slider that is dragged moves a figure in place, also on a page that is loaded again', async () => {
    const notebook = await lab.notebook('live.ipynb', notebookOf(...LIVE));
    const { page } = notebook;
    await notebook.runAll();
    const live = page.locator('.implicit-lab-live');
    const line = live.locator('.scatterlayer path.js-line');
    await line.waitFor();
    // Behind the live figure is its still, for other readers.
    expect(await page.locator('.jp-RenderedPlotly').count()).toBe(1);
    expect(await page.locator('.jp-RenderedPlotly').isVisible()).toBe(false);

    const times = await drag(notebook);
    const middle = times.sort((a, b) => a - b)[times.length >> 1]!;
    console.log(
      `From the mouse to the frame: median ${middle.toFixed(0)} ms, worst ${times.at(-1)!.toFixed(0)} ms of ${times.length} moves.`,
    );
    expect(times.length).toBeGreaterThan(5);
    await notebook.look('live');

    const slider = page.locator('.widget-slider [role="slider"]').first();
    await slider.focus();
    await slider.press('End');
    await live.getByText('RangeError: too long').waitFor();
    await notebook.look('live-problem');
    await slider.press('Home');
    await live.getByText('RangeError').waitFor({ state: 'hidden' });

    await page.locator('.widget-dropdown select').selectOption('implicit');
    await page.locator('.widget-button').click();
    await live.getByText('implicit, pressed 1').waitFor();

    const outputs = (await notebook.save())[1]!.outputs!.map(({ data }) => Object.keys(data!));
    expect(outputs[0]).toContain('text/plain');
    expect(outputs[1]).toContain('image/png');

    await page.reload();
    await line.waitFor({ state: 'attached' });
    await slider.focus();
    const before = await line.getAttribute('d');
    for (let i = 0; i < 20; i++) await slider.press('ArrowRight');
    await expect.poll(() => line.getAttribute('d')).not.toBe(before);
    await page.close();
  });

  test.skipIf(!full.available)(
    'a drawing that does not end is interrupted, and its slider goes on',
    async () => {
      const notebook = await lab.notebook(
        'endless.ipynb',
        notebookOf(
          "import { interact, slider } from 'implicit-lab-course';",
          `await interact({ n: slider({ min: 0, max: 9, step: 1, value: 0, label: 'n' }) }, ({ n }) => {
            while (n === 1);
            console.log('n is ' + n);
          });`,
        ),
      );
      await notebook.runAll();
      const live = notebook.page.locator('.implicit-lab-live');
      await live.getByText('n is 0').waitFor();
      await notebook.page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').waitFor();
      const slider = notebook.page.locator('.widget-slider [role="slider"]');
      await slider.focus();
      await slider.press('ArrowRight');
      const interrupted = live.getByText('The drawing was interrupted.');
      // One that comes before the drawing has begun does nothing.
      await expect
        .poll(async () => {
          await notebook.page.waitForTimeout(1500);
          await notebook.menu('Kernel', 'Interrupt Kernel');
          await notebook.page.waitForTimeout(1500);
          return interrupted.count();
        })
        .toBe(1);
      await slider.focus();
      await slider.press('ArrowRight');
      await live.getByText('n is 2').waitFor();
      await notebook.page.close();
    },
  );

  test('no host but this machine is asked for anything', () => {
    expect([...lab.hosts]).toEqual(['localhost']);
  });
});

const SHOWN = [
  "import * as tf from '@tensorflow/tfjs';\nimport { useBackend } from 'implicit-lab';\nimport { figure, publish, table } from 'implicit-lab-course';\nawait useBackend('cpu');",
  `await figure(
    [1, 2, 3].map((k) => ({ x: [0, 1, 2], y: [0, k, 4 * k], name: 'k = ' + k })),
    { title: 'A figure', xaxis: { title: 'time (s)' }, yaxis: { title: 'distance (m)' } },
    { words: 'Three lines.' },
  );`,
  "table([{ method: 'SGD', time: 1.2034 }, { method: 'implicit', time: 12.5 }], { caption: 'Times.', columns: { time: { unit: 's' } } });",
  'tf.tensor([[1.5, 2], [3, 1000]])',
  "publish({ data: { 'text/html': '<p><small>small print</small></p>', 'text/plain': '' } });",
];

const LIVE = [
  "import { button, dropdown, figure, interact, slider } from 'implicit-lab-course';",
  `await interact(
    {
      h: slider({ min: 0, max: 2, value: 0.5, label: 'step size h' }),
      method: dropdown({ options: ['explicit', 'implicit'], label: 'method' }),
      seed: button({ label: 'Another start' }),
    },
    async ({ h, method, seed }) => {
      if (h > 1.95) throw new RangeError('too long');
      const factor = method === 'explicit' ? 1 - h : 1 / (1 + h);
      const x = Array.from({ length: 50 }, (_, k) => k);
      await figure(
        [{ x, y: x.map((k) => factor ** k), name: method }],
        { title: method + ', pressed ' + seed, xaxis: { title: 'step' }, yaxis: { title: 'error', range: [-1, 1] } },
        { words: 'The error.' },
      );
    },
  );`,
];

/** Drags the first slider; returns the milliseconds from each move that changed the figure to its frame. */
async function drag({ page }: Notebook): Promise<number[]> {
  await page.evaluate(() => {
    const seen = window as unknown as { moved: number; times: number[] };
    Object.assign(seen, { moved: 0, times: [] });
    document.addEventListener('pointermove', ({ timeStamp }) => (seen.moved = timeStamp), true);
    const figure = document.querySelector('.implicit-lab-live .scatterlayer')!;
    new MutationObserver(() => {
      const { moved } = seen;
      requestAnimationFrame(() => {
        if (moved === seen.moved) seen.times.push(performance.now() - moved);
      });
    }).observe(figure, { subtree: true, attributes: true, attributeFilter: ['d'] });
  });
  const handle = (await page.locator('.widget-slider .noUi-handle').first().boundingBox())!;
  const [x, y] = [handle.x + handle.width / 2, handle.y + handle.height / 2];
  await page.mouse.move(x, y);
  await page.mouse.down();
  const seen = () => page.evaluate(() => (window as unknown as { times: number[] }).times);
  // On a busy machine a drawing takes longer: then the pointer comes and goes more slowly.
  for (let pause = 250; pause === 250 || (await seen()).length <= 5; pause *= 2) {
    for (let i = 1; i <= 20; i++) {
      await page.mouse.move(x + 20 * Math.min(i, 20 - i), y);
      await page.waitForTimeout(pause);
    }
  }
  await page.mouse.up();
  return seen();
}

/** How well a text stands out, from 1 to 21: on `paper`, or on the page. WCAG 2.2, 1.4.3. */
function contrast({ page }: Notebook, selector: string, paper?: string): Promise<number> {
  return page
    .locator(selector)
    .first()
    .evaluate((element, paper) => {
      const canvas = document.createElement('canvas').getContext('2d')!;
      const luminance = (colour: string) => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((byte) => {
          const c = byte / 255;
          return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
      };
      const behind = (node: Element | null): string => {
        const colour = node ? getComputedStyle(node).backgroundColor : 'white';
        return /rgba\(.*, 0\)|transparent/.test(colour) ? behind(node!.parentElement) : colour;
      };
      const style = getComputedStyle(element);
      const ink = luminance(element instanceof SVGElement ? style.fill : style.color);
      const back = luminance(paper ?? behind(element));
      return (Math.max(ink, back) + 0.05) / (Math.min(ink, back) + 0.05);
    }, paper);
}
