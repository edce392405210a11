import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { chromiumPath, PATIENCE_MS } from './needs';

const root = join(__dirname, '..');

/** What a notebook file holds of a cell's outputs. */
export interface Output {
  output_type: string;
  data?: Record<string, unknown>;
  text?: string | string[];
  evalue?: string;
}

/** The parts of JupyterLab's application that are asked. */
declare const jupyterapp: {
  shell: {
    currentWidget: {
      content: {
        model: {
          cells: Iterable<{
            type: string;
            executionCount?: number | null;
            sharedModel: { source: string; outputs?: Output[] };
          }>;
        };
      };
    };
  };
};

/** A cell of a notebook file. */
export interface SavedCell {
  cell_type: string;
  execution_count?: number | null;
  outputs?: Output[];
}

/**
 * The JupyterLab that `npm start` starts, in a browser.
 *
 * Its notebooks are in a folder of their own inside the checkout, which git ignores, so that cells
 * find the course's packages; so do a user's settings, and the journal of exercises.
 */
export class Lab {
  readonly folder = mkdtempSync(join(made('.jupyter'), 'test-'));
  readonly hosts = new Set<string>();
  private server: ChildProcess | undefined;
  private browser: Browser | undefined;
  private url = new URL('http://localhost');

  async start(): Promise<void> {
    [this.url, this.browser] = await Promise.all([this.startServer(), this.startBrowser()]);
  }

  async stop(): Promise<void> {
    await this.browser?.close();
    const { server } = this;
    if (server && server.exitCode === null) {
      const closed = new Promise((resolve) => server.on('close', resolve));
      server.kill('SIGINT');
      await closed;
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Opens a page of JupyterLab: what `npm start` shows, or what is at `path`. */
  async page(path?: string): Promise<Page> {
    const page = await this.browser!.newPage({ viewport: { width: 1200, height: 1100 } });
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('request', (request) => {
      const { protocol, hostname } = new URL(request.url());
      if (/^(http|ws)/.test(protocol)) this.hosts.add(hostname);
    });
    const address = path === undefined ? new URL(this.url) : new URL(`/${path}`, this.url);
    // With &reset, tabs of an earlier page are not opened again.
    address.search = `${this.url.search}&reset`;
    await page.goto(address.href);
    return page;
  }

  /** Puts a notebook into the folder, and opens it. */
  async notebook(name: string, content: string): Promise<Notebook> {
    const file = join(this.folder, name);
    writeFileSync(file, content);
    const page = await this.page(`lab/tree/${relative(root, file)}`);
    await page.locator('.jp-Notebook .jp-Cell').first().waitFor();
    const notebook = new Notebook(page, file);
    await notebook.idle();
    return notebook;
  }

  /** Starts what `npm start` starts, with folders of its own for what a user would have changed. */
  private startServer(): Promise<URL> {
    const server = spawn(
      process.execPath,
      [
        join(root, 'setup', 'start.mjs'),
        '--no-browser',
        `--LabApp.workspaces_dir=${join(this.folder, 'workspaces')}`,
        `--LabApp.user_settings_dir=${join(this.folder, 'settings')}`,
        '--ContentsManager.allow_hidden=True',
        // It is asked which cells have run.
        '--LabApp.expose_app_in_browser=True',
      ],
      {
        cwd: root,
        env: { ...process.env, IMPLICIT_LAB_PROGRESS: join(this.folder, 'progress.jsonl') },
      },
    );
    this.server = server;
    let output = '';
    return new Promise((resolve, reject) => {
      const listen = (text: string) => {
        output += text;
        const [, url] = /^JupyterLab: (http\S+)\n/m.exec(output) ?? [];
        if (url) resolve(new URL(url));
      };
      server.stdout.setEncoding('utf8').on('data', listen);
      server.stderr.setEncoding('utf8').on('data', listen);
      server.on('close', () => reject(new Error(`npm start ended:\n${output}`)));
    });
  }

  private startBrowser(): Promise<Browser> {
    return chromium.launch({
      executablePath: chromiumPath()!,
      timeout: PATIENCE_MS,
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
}

/** A notebook that is open in a page, worked on as a reader does. */
export class Notebook {
  constructor(
    readonly page: Page,
    readonly file: string,
  ) {}

  /** The cell at `index`, counting those of text. */
  cell(index: number): Locator {
    return this.page.locator(`.jp-Notebook .jp-Cell[data-windowed-list-index="${index}"]`);
  }

  /** Chooses `names` one after the other in the menus. */
  async menu(...names: string[]): Promise<void> {
    const [bar, ...items] = names;
    await this.page.locator('.lm-MenuBar-itemLabel').getByText(bar!, { exact: true }).click();
    for (const item of items) {
      await this.page.locator('.lm-Menu-itemLabel').getByText(item, { exact: true }).click();
    }
  }

  /** Waits until the kernel is there and has nothing to do. */
  async idle(timeout = PATIENCE_MS): Promise<void> {
    await this.page.getByText('TypeScript | Idle', { exact: true }).waitFor({ timeout });
  }

  /** Run all, to the end or to the first error. */
  async runAll(timeout = PATIENCE_MS): Promise<void> {
    const before = Math.max(0, ...(await this.counts()));
    await this.menu('Run', 'Run All Cells');
    const end = Date.now() + timeout;
    const haveRun = async () => {
      const counts = await this.counts();
      return counts.every((count) => count > before) || (await this.hasFailed());
    };
    while (!(await haveRun())) {
      if (Date.now() > end) throw new Error(`not all cells have run in ${timeout / 1000} s`);
      await this.page.waitForTimeout(100);
    }
    await this.ran(timeout);
  }

  /** The numbers of code cells that are not empty, those out of sight too; 0 for one that has not run, or runs. */
  private counts(): Promise<number[]> {
    return this.page.evaluate(() =>
      [...jupyterapp.shell.currentWidget.content.model.cells]
        .filter(({ type, sharedModel }) => type === 'code' && sharedModel.source.trim() !== '')
        .map(({ executionCount }) => executionCount ?? 0),
    );
  }

  private hasFailed(): Promise<boolean> {
    return this.page.evaluate(() =>
      [...jupyterapp.shell.currentWidget.content.model.cells].some(({ sharedModel }) =>
        sharedModel.outputs?.some(({ output_type }) => output_type === 'error'),
      ),
    );
  }

  /** Waits until no cell in sight is left that runs or waits. */
  async ran(timeout = PATIENCE_MS): Promise<void> {
    const waiting = this.page.locator('.jp-InputPrompt').getByText('[*]:', { exact: true });
    await waiting.first().waitFor({ state: 'detached', timeout });
    await this.idle(timeout);
  }

  /** Selects a cell, and begins to edit it. */
  async edit(index: number): Promise<Locator> {
    const editor = this.cell(index).locator('.cm-content');
    await editor.click();
    return editor;
  }

  /** Replaces what a cell says. */
  async write(index: number, code: string): Promise<void> {
    await this.edit(index);
    await this.page.keyboard.press('ControlOrMeta+a');
    // As one paste: typing would let the editor close brackets and indent by itself.
    await this.page.keyboard.insertText(code);
  }

  /** Adds a cell at the end. */
  async append(code: string): Promise<void> {
    const last = this.page.locator('.jp-Notebook .jp-Cell').last();
    await last.locator('.jp-InputPrompt').click();
    await this.page.keyboard.press('b');
    await this.page.keyboard.press('Enter');
    await this.page.keyboard.insertText(code);
  }

  /** Runs a cell by Ctrl-Enter, and waits for its end: then it has another number than before. */
  async run(index: number): Promise<void> {
    const prompt = this.cell(index).locator('.jp-InputPrompt');
    await this.edit(index);
    const before = await prompt.innerText();
    await this.page.keyboard.press('Control+Enter');
    const hasRun = (shown: string) => shown !== before && /\[\d+\]/.test(shown);
    while (!hasRun(await prompt.innerText())) await this.page.waitForTimeout(50);
    await this.idle();
  }

  /** Keeps a picture of the page where the variable SCREENSHOTS names a folder. */
  async look(name: string): Promise<void> {
    const folder = process.env.SCREENSHOTS;
    if (folder) await this.page.screenshot({ path: join(folder, `${name}.png`) });
  }

  /** What a cell shows, as text. */
  async output(index: number): Promise<string> {
    const shown = await this.cell(index).locator('.jp-OutputArea-output').allInnerTexts();
    return shown.join('\n').trim();
  }

  /** Saves it, and reads the file. */
  async save(): Promise<SavedCell[]> {
    const before = statSync(this.file).mtimeMs;
    await this.menu('File', 'Save Notebook');
    for (;;) {
      await this.page.waitForTimeout(100);
      if (statSync(this.file).mtimeMs === before) continue;
      try {
        return JSON.parse(readFileSync(this.file, 'utf8')).cells;
      } catch {
        // It is being written.
      }
    }
  }
}

/** A notebook of code cells. */
export function notebookOf(...sources: string[]): string {
  const cells = sources.map((source, i) => ({
    ...{ cell_type: 'code', id: `cell-${i}`, metadata: {} },
    ...{ execution_count: null, outputs: [], source },
  }));
  const kernelspec = {
    ...{ name: 'implicit-kernel', display_name: 'TypeScript', language: 'typescript' },
  };
  return JSON.stringify({ cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 });
}

function made(name: string): string {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  return folder;
}
