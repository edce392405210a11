import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { serve } from './serve.mjs';

/*
 * What the first cell of lesson 01 costs a reader: bytes and seconds, on a line of 20 Mbit/s from a host that
 * does not compress. Where a Chromium is installed.
 */

const BITS_PER_SECOND = 20e6;
const LESSON = 'notebooks/01-stiffness.ipynb';
const LIMIT_MS = 180_000;

/**
 * @param {string} site
 * @param {(text: string) => void} progress
 * @returns {Promise<string>}
 */
export async function measure(site, progress) {
  const executablePath = chromium();
  if (!executablePath) return 'not measured: no Chromium is installed';
  progress('in Chromium');
  const { chromium: browser } = await import('playwright-core');
  const profile = mkdtempSync(join(tmpdir(), 'lite-measure-'));
  const server = await serve(site, { bitsPerSecond: BITS_PER_SECOND });
  const args = ['--no-sandbox', '--disable-background-networking'];
  const context = await browser.launchPersistentContext(profile, { executablePath, args });
  try {
    const first = await visit(context, server);
    const second = await visit(context, server);
    return (
      `${(first.bytes / 1e6).toFixed(2)} MB, ${first.seconds.toFixed(1)} s at 20 Mbit/s; ` +
      `on a second visit ready after ${second.ready.toFixed(1)} s, first cell ${second.seconds.toFixed(1)} s`
    );
  } finally {
    await context.close();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Opens the lesson and runs its first cell as soon as it is there.
 *
 * @param {import('playwright-core').BrowserContext} context
 * @param {Awaited<ReturnType<typeof serve>>} server
 */
async function visit(context, server) {
  const page = await context.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  const start = Date.now();
  await page.goto(`${server.url}lab/index.html?path=${LESSON}`);
  await page.locator('.jp-Notebook .jp-CodeCell').first().waitFor();
  const ready = (Date.now() - start) / 1000;
  const cell = page.locator('.jp-Notebook .jp-CodeCell').first();
  await cell.locator('.cm-content').click();
  await page.keyboard.press('Control+Enter');
  // The page itself notes when: this process may be told late, after files that come later.
  const answered = await page.waitForFunction(() => {
    const prompt = document.querySelector('.jp-Notebook .jp-CodeCell .jp-InputPrompt');
    return prompt?.textContent?.includes('[1]') ? Date.now() : undefined;
  });
  const end = await answered.jsonValue();
  if (end === undefined) throw new Error('The first cell has no answer.');
  const bytes = server.bytesBy(end) - server.bytesBy(start);
  const result = { ready, seconds: (end - start) / 1000, bytes };
  // What is kept for later is kept before the page is closed.
  await page.waitForFunction(() => document.documentElement.dataset.offline === 'ready');
  await page.close();
  return result;
}

function chromium() {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders
    .flatMap((folder) =>
      ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)),
    )
    .find((file) => existsSync(file));
}
