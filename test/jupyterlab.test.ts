import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath, needs } from './needs';

const root = join(__dirname, '..');
const browserNeed = needs('browser');

/** Starting JupyterLab and a browser beside other tests, on two cores. */
const patience = 120_000;

describe.skipIf(!browserNeed.available)('JupyterLab in a browser', () => {
  let own: string;
  let server: ChildProcess;
  let browser: Browser;
  let address: string;

  beforeAll(async () => {
    own = mkdtempSync(join(tmpdir(), 'jupyterlab-'));
    [address, browser] = await Promise.all([startServer(), startBrowser()]);
  }, patience);

  afterAll(async () => {
    await browser?.close();
    if (server && server.exitCode === null) {
      server.kill('SIGINT');
      await new Promise((resolve) => server.on('close', resolve));
    }
    rmSync(own, { recursive: true, force: true, maxRetries: 5 });
  }, patience);

  /** Starts what `npm start` starts, with folders of its own for what a user would have changed. */
  function startServer(): Promise<string> {
    server = spawn(
      process.execPath,
      [
        join(root, 'setup', 'start.mjs'),
        '--no-browser',
        `--LabApp.workspaces_dir=${join(own, 'workspaces')}`,
        `--LabApp.user_settings_dir=${join(own, 'settings')}`,
      ],
      { cwd: root },
    );
    let output = '';
    return new Promise((resolve, reject) => {
      const listen = (text: string) => {
        output += text;
        const [, url] = /^JupyterLab: (http\S+)\n/m.exec(output) ?? [];
        if (url) resolve(url);
      };
      server.stdout?.setEncoding('utf8').on('data', listen);
      server.stderr?.setEncoding('utf8').on('data', listen);
      server.on('close', () => reject(new Error(`npm start ended:\n${output}`)));
    });
  }

  function startBrowser(): Promise<Browser> {
    return chromium.launch({
      executablePath: chromiumPath(),
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  }

  /** Opens a page of JupyterLab and notes every host that it asks. */
  async function open(url: string): Promise<{ page: Page; hosts: Set<string> }> {
    const page = await browser.newPage();
    const hosts = new Set<string>();
    page.on('request', (request) => hosts.add(new URL(request.url()).hostname));
    await page.goto(url);
    return { page, hosts };
  }

  test(
    'the launcher offers TypeScript, and nothing asks for attention or for the internet',
    async () => {
      const { page, hosts } = await open(address);
      const launcher = page.locator('.jp-Launcher');
      await launcher.getByText('TypeScript', { exact: true }).first().waitFor();
      // News and update checks start once the page has settled.
      await page.waitForLoadState('networkidle');
      expect(await page.locator('.jp-Dialog').count()).toBe(0);
      expect(await page.locator('.Toastify__toast').allTextContents()).toEqual([]);
      hosts.delete('');
      expect([...hosts]).toEqual(['localhost']);
      await page.close();
    },
    patience,
  );

  test(
    'the file browser opens in notebooks/, from where the rest of the course can be reached',
    async () => {
      const { page } = await open(address);
      const crumbs = page.locator('.jp-FileBrowser .jp-BreadCrumbs');
      await crumbs.getByText('notebooks').waitFor();
      await crumbs.locator('.jp-BreadCrumbs-home').click();
      await page.locator('.jp-DirListing-item', { hasText: 'package.json' }).waitFor();
      await page.close();
    },
    patience,
  );

  // Lesson 05 is opened and run from here once it is there: open('…/lab/tree/notebooks/05-….ipynb').
});
