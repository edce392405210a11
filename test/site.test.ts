import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as course from '../course';
import * as library from '../lib';
import { chromiumPath, needs, PATIENCE_MS } from './needs';

/** The static site, built from the notebooks as they are and read from the disk, without a network. */

const root = join(__dirname, '..');
const time = needs('time');
const browserNeed = needs('browser');
/** Where the site of `npm run lite` would be. */
const LIVE = 'https://course.example/live/';
const LESSON = join('notebooks', '05-implicit-steps-on-mnist.html');

const notebooks = ['notebooks', 'exercises', 'solutions'].flatMap((folder) =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder))
        .filter((name) => name.endsWith('.ipynb'))
        .map((name) => join(folder, name.replace(/ipynb$/, 'html')))
    : [],
);

const launched = () =>
  chromium.launch({
    executablePath: chromiumPath()!,
    args: ['--no-sandbox'],
    timeout: PATIENCE_MS,
  });

describe.skipIf(!time.available)('the site', () => {
  let site: string;
  const textOf = (page: string) => readFileSync(join(site, page), 'utf8');
  const pages = () =>
    readdirSync(site, { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.html') && !name.startsWith('api'),
    );

  beforeAll(async () => {
    site = mkdtempSync(join(tmpdir(), 'site-'));
    const build = join(root, 'setup', 'build-site.mjs');
    await promisify(execFile)(process.execPath, [build, site, '--live', LIVE]);
  });

  afterAll(() => rmSync(site, { recursive: true, force: true }));

  test('has a page for every notebook, and one that leads to them', () => {
    expect(pages()).toEqual(expect.arrayContaining(['index.html', ...notebooks]));
    expect(textOf(join('notebooks', 'index.html'))).toContain('05-implicit-steps-on-mnist.html');
  });

  test('leads from each notebook to its live page', () => {
    for (const page of notebooks) {
      const path = page.replaceAll('\\', '/').replace(/html$/, 'ipynb');
      expect(textOf(page)).toContain(`href="${LIVE}lab/index.html?path=${path}"`);
    }
  });

  test('leads nowhere that is not there', () => {
    const lost = pages().flatMap((page) =>
      [...textOf(page).matchAll(/\b(?:href|src)="([^"#]+)[^"]*"/g)]
        .map((match) => match[1]!)
        .filter((link) => !/^(https?|data|mailto):/.test(link))
        .filter((link) => !existsSync(join(site, dirname(page), decodeURI(link))))
        .map((link) => `${page}: ${link}`),
    );
    expect(lost).toEqual([]);
  });

  test('leads to headings that are there', () => {
    const named = (page: string) =>
      new Set([...textOf(page).matchAll(/\bid="([^"]+)"/g)].map((match) => match[1]));
    const lost = pages().flatMap((page) =>
      [...textOf(page).matchAll(/\bhref="([^":#]*)#([^"]+)"/g)]
        .filter(([, path, name]) => !named(path ? join(dirname(page), path) : page).has(name))
        .map((match) => `${page}: ${match[0]}`),
    );
    expect(lost).toEqual([]);
  });

  test('loads nothing over the net', () => {
    const foreign = pages().flatMap((page) =>
      [
        ...textOf(page).matchAll(/<(?:script|link|img|iframe)[^>]*\b(?:href|src)="https?:[^>]*>/g),
      ].map((match) => `${page}: ${match[0]}`),
    );
    expect(foreign).toEqual([]);
  });

  test('has all its formulas set', () => {
    for (const page of pages()) {
      expect(textOf(page), page).not.toContain('katex-error');
      expect(textOf(page), page).not.toMatch(/<span class="math">/);
    }
    expect(textOf(LESSON)).toContain('class="katex"');
  });

  test('describes every public name', () => {
    const described = readdirSync(join(site, 'api'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.html'))
      .map((name) => name.replace(/^.*[\\/]/, '').replace(/\.html$/, ''));
    expect(described).toEqual(expect.arrayContaining(Object.keys({ ...library, ...course })));
  });

  test.skipIf(!browserNeed.available)(
    'shows a lesson without a network: figures that answer the pointer, no errors',
    async () => {
      const browser = await launched();
      try {
        const context = await browser.newContext({ offline: true });
        const page = await context.newPage();
        page.setDefaultTimeout(PATIENCE_MS);
        const troubles: string[] = [];
        page.on('pageerror', (error) => troubles.push(error.message));
        page.on('requestfailed', (request) => troubles.push(request.url()));
        await page.goto(`file://${join(site, LESSON)}`);
        const figure = page.locator('figure').last();
        await figure.scrollIntoViewIfNeeded();
        await figure.locator('svg.main-svg').first().waitFor();
        expect(await figure.locator('[role=img]').getAttribute('aria-label')).toMatch(/\bloss\b/i);
        expect(await page.locator('.katex').count()).toBeGreaterThan(50);
        expect(troubles).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );

  test.skipIf(!browserNeed.available)(
    'draws a title above its subtitle, and a wide figure whole',
    async () => {
      const browser = await launched();
      try {
        const page = await browser.newPage({ viewport: { width: 1300, height: 900 } });
        page.setDefaultTimeout(PATIENCE_MS);
        await page.goto(`file://${join(site, 'notebooks/13-the-curse-of-unrolling.html')}`);
        const figure = page.locator('figure').last();
        await figure.scrollIntoViewIfNeeded();
        await figure.locator('.gtitle-subtitle').waitFor();
        const box = async (selector: string) => (await figure.locator(selector).boundingBox())!;
        const [title, subtitle] = [await box('.gtitle'), await box('.gtitle-subtitle')];
        expect(subtitle.y).toBeGreaterThanOrEqual(title.y + title.height);
        const hidden = await figure.evaluate((node) => {
          const outputs = node.closest('.outputs')!;
          return outputs.scrollWidth - outputs.clientWidth;
        });
        expect(hidden).toBe(0);
      } finally {
        await browser.close();
      }
    },
  );

  test.skipIf(!browserNeed.available)(
    'keeps the picture of a figure that is wider than the page, whole',
    async () => {
      const browser = await launched();
      try {
        const page = await browser.newPage({ viewport: { width: 700, height: 900 } });
        page.setDefaultTimeout(PATIENCE_MS);
        await page.goto(`file://${join(site, 'notebooks/13-the-curse-of-unrolling.html')}`);
        const figure = page.locator('figure').last();
        await figure.scrollIntoViewIfNeeded();
        // Nothing says that it is not being drawn.
        await page.waitForTimeout(3000);
        const [picture, room] = await figure.evaluate((node) => [
          node.querySelector('img')?.getBoundingClientRect().width,
          node.clientWidth,
        ]);
        expect(picture).toBeGreaterThan(600);
        expect(picture).toBeLessThanOrEqual(room!);
      } finally {
        await browser.close();
      }
    },
  );

  test.skipIf(!browserNeed.available)(
    'fits a telephone: what is wider scrolls by itself',
    async () => {
      const browser = await launched();
      try {
        const page = await browser.newPage({ viewport: { width: 390, height: 800 } });
        page.setDefaultTimeout(PATIENCE_MS);
        const wide: string[] = [];
        const read = [
          ...pages().filter((name) => name.startsWith('notebooks')),
          ...['hypergradient', 'bilevel'].map((name) => `api/functions/${name}.html`),
        ];
        await page.route('**/plotly.min.js', (route) => route.abort());
        for (const name of read) {
          await page.goto(`file://${join(site, name)}`);
          if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) {
            wide.push(name);
          }
        }
        expect(wide).toEqual([]);
      } finally {
        await browser.close();
      }
    },
  );
});
