import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { chromiumPath, PATIENCE_MS } from './needs';
import { type Output, textOf } from './output';

/** The parts of JupyterLab's application that are asked here. */
interface Application {
  restored: Promise<void>;
  commands: { execute(id: string, options?: object): Promise<unknown> };
  shell: {
    currentWidget: Panel;
    widgets(area: 'main'): Iterable<Panel>;
    activateById(id: string): void;
  };
}
interface Panel {
  id: string;
  context: { path: string; isReady: boolean; save(): Promise<void> };
  content: {
    widgets: Cell[];
    model: { cells: { length: number } } | null;
    activeCellIndex: number;
    deselectAll(): void;
  };
  sessionContext: {
    ready: Promise<void>;
    kernelDisplayName: string;
    session: {
      kernel: {
        interrupt(): Promise<void>;
        requestComplete(at: object): Promise<Reply>;
        requestHistory(what: object): Promise<History>;
        restart(): Promise<void>;
        requestExecute(content: object, ...rest: unknown[]): { done: Promise<unknown> };
      };
    };
  };
}
interface Reply {
  content: { matches: string[] };
}
interface History {
  content: { history: [session: number, line: number, source: string][] };
}
interface Cell {
  model: {
    type: string;
    sharedModel: { setSource(text: string): void; toJSON(): { outputs: Output[] } };
  };
}
declare const jupyterapp: Application;

/** Milliseconds in which a page has to be there. */
const timeout = PATIENCE_MS;

/** Pixels of the windows that pictures are made of. */
const WIDTHS = [1280, 800];

/** What lets Chromium offer WebGPU by the software adapter of `VK_DRIVER_FILES`. */
export const SOFTWARE_GPU = [
  '--enable-unsafe-webgpu',
  '--enable-features=Vulkan,WebGPU',
  '--use-webgpu-adapter=swiftshader',
];

/** What makes Chromium one that gives frames no process of their own, as other browsers are. */
export const NO_FRAME_APART = ['--disable-features=DocumentIsolationPolicy'];

/** A browser, with one profile, that notes which hosts its pages ask. */
export async function startBrowser(
  profile: string,
  args: readonly string[] = [],
): Promise<BrowserContext> {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath()!,
    timeout,
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      ...args,
    ],
    viewport: { width: 1200, height: 1000 },
  });
  context.setDefaultTimeout(timeout);
  return context;
}

/** What Chromium notes of a script that it runs. */
interface Traced {
  name: string;
  args: { data?: { url?: string; consumedCacheSize?: number } };
}

/** The names of the scripts of a page of JupyterLab whose compiled code the browser had kept. */
export async function compiledScripts(context: BrowserContext, url: string): Promise<string[]> {
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const events: Traced[] = [];
  session.on(
    'Tracing.dataCollected',
    ({ value }) => void events.push(...(value as object[] as Traced[])),
  );
  await session.send('Tracing.start', { traceConfig: { includedCategories: ['v8'] } });
  await page.goto(url);
  await page.waitForFunction(() => typeof jupyterapp === 'object', undefined, { timeout });
  const whole = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
  await session.send('Tracing.end');
  await whole;
  await page.close();
  return events.flatMap(({ name, args: { data } }) =>
    name === 'v8.compile' && data?.url && data.consumedCacheSize
      ? [new URL(data.url).pathname.split('/').at(-1)!]
      : [],
  );
}

/** What is asked of a page that has lost a frame. */
interface Outliving {
  write(index: number, source: string): Promise<void>;
  /** Runs a cell; what its outputs say. */
  run(index: number): Promise<string>;
}

/** A notebook of the site in a page. Its code cells are numbered from 0. */
export class LiteNotebook {
  /** How many cells have been begun that say so. */
  private begun = 0;

  private constructor(
    readonly page: Page,
    private readonly path: string,
  ) {}

  static async open(context: BrowserContext, site: string, path: string): Promise<LiteNotebook> {
    const page = await context.newPage();
    await page.goto(`${site}lab/index.html?path=${path}`);
    const notebook = new LiteNotebook(page, path);
    await notebook.isOpen();
    return notebook;
  }

  /** Another notebook in the same page. */
  as(path: string): LiteNotebook {
    return new LiteNotebook(this.page, path);
  }

  /** Opens it in this page, or brings it to the front. */
  async show(): Promise<void> {
    const { page, path } = this;
    await page.waitForFunction(() => typeof jupyterapp === 'object', undefined, { timeout });
    await page.evaluate(async (path) => {
      await jupyterapp.restored;
      await jupyterapp.commands.execute('docmanager:open', { path });
    }, path);
    await this.isOpen();
  }

  /** Waits until this notebook is in front, whole, with a kernel. */
  async isOpen(): Promise<void> {
    const { page, path } = this;
    await page.waitForFunction(() => typeof jupyterapp === 'object', undefined, { timeout });
    // What was open before is opened again, and is in front for a while.
    await page.evaluate(() => jupyterapp.restored);
    await page.waitForFunction(
      (path) => {
        const { context, content } = jupyterapp.shell.currentWidget ?? {};
        // The cells of a document that is ready are made one after the other.
        const cells = content?.model?.cells.length ?? 0;
        const isWhole = cells > 0 && content?.widgets.length === cells;
        return context?.path === path && context.isReady && isWhole;
      },
      path,
      { timeout },
    );
    await page.evaluate(() => jupyterapp.shell.currentWidget.sessionContext.ready);
  }

  kernelName(): Promise<string> {
    return this.page.evaluate(
      () => jupyterapp.shell.currentWidget.sessionContext.kernelDisplayName,
    );
  }

  async sources(): Promise<string[]> {
    await this.bringToFront();
    return this.page.evaluate(() => {
      const { widgets } = jupyterapp.shell.currentWidget.content;
      const code = widgets.filter(({ model }) => model.type === 'code');
      return code.map(
        ({ model }) => (model.sharedModel.toJSON() as { source?: string }).source ?? '',
      );
    });
  }

  async write(index: number, source: string): Promise<void> {
    await this.bringToFront();
    return this.page.evaluate(
      ([index, source]) => {
        const { widgets } = jupyterapp.shell.currentWidget.content;
        const code = widgets.filter(({ model }) => model.type === 'code');
        code[index]!.model.sharedModel.setSource(source);
      },
      [index, source] as const,
    );
  }

  async run(index: number): Promise<Output[]> {
    await this.bringToFront();
    return this.page.evaluate(async (index) => {
      const { content } = jupyterapp.shell.currentWidget;
      const code = content.widgets.filter(({ model }) => model.type === 'code');
      content.activeCellIndex = content.widgets.indexOf(code[index]!);
      content.deselectAll();
      await jupyterapp.commands.execute('notebook:run-cell');
      return code[index]!.model.sharedModel.toJSON().outputs;
    }, index);
  }

  /** Runs `code` and waits until it has begun; its outputs once it has ended. */
  async begin(index: number, code: string): Promise<{ ended: Promise<Output[]> }> {
    this.begun += 1;
    const mark = `It has begun: ${this.begun}.`;
    await this.write(index, `console.log('${mark}');\n${code}`);
    const ended = this.run(index);
    const hasBegun = async () => textOf(await this.outputs(index)).startsWith(mark);
    while (!(await hasBegun())) await this.page.waitForTimeout(100);
    return { ended };
  }

  /**
   * Runs `code`, interrupts it a second after it has begun, and returns its last output, with the milliseconds that
   * went by from the interrupt.
   */
  async giveUp(index: number, code: string): Promise<Output & { after: number }> {
    const { ended } = await this.begin(index, code);
    await this.page.waitForTimeout(1000);
    const start = Date.now();
    await this.interrupt();
    const output = (await ended).at(-1)!;
    return { ...output, after: Date.now() - start };
  }

  /**
   * Runs all cells by JupyterLab's command. As where the stored outputs were made, questions are not put
   * to the reader: predictions are shown at once.
   *
   * @param limit seconds in which all have to be done; after these, the rest is interrupted.
   */
  async runAll(limit: number): Promise<{ seconds: number; outputs: Output[] }[]> {
    await this.bringToFront();
    return this.page.evaluate(async (limit) => {
      const { content, sessionContext } = jupyterapp.shell.currentWidget;
      const { kernel } = sessionContext.session;
      const ends: number[] = [];
      const request = kernel.requestExecute.bind(kernel);
      kernel.requestExecute = (asked, ...rest) => {
        const future = request({ ...asked, allow_stdin: false }, ...rest);
        const note = () => void ends.push(performance.now());
        future.done.then(note, note);
        return future;
      };
      let before = performance.now();
      const timer = setTimeout(() => void kernel.interrupt(), limit * 1000);
      await jupyterapp.commands.execute('notebook:run-all-cells');
      clearTimeout(timer);
      kernel.requestExecute = request;
      const code = content.widgets.filter(({ model }) => model.type === 'code');
      return code.map(({ model }, i) => {
        const end = ends[i] ?? before;
        const seconds = (end - before) / 1000;
        before = end;
        return { seconds, outputs: model.sharedModel.toJSON().outputs };
      });
    }, limit);
  }

  /** A command is for the notebook in front; one that is restored may have come there. */
  private async bringToFront(): Promise<void> {
    await this.page.waitForFunction(
      (path) => {
        const { shell } = jupyterapp;
        const mine = [...shell.widgets('main')].find(({ context }) => context?.path === path);
        if (mine && shell.currentWidget !== mine) shell.activateById(mine.id);
        return mine !== undefined && shell.currentWidget === mine;
      },
      this.path,
      { timeout },
    );
  }

  async outputs(index: number): Promise<Output[]> {
    await this.bringToFront();
    return this.page.evaluate((index) => {
      const { widgets } = jupyterapp.shell.currentWidget.content;
      const code = widgets.filter(({ model }) => model.type === 'code');
      return code[index]!.model.sharedModel.toJSON().outputs;
    }, index);
  }

  async restart(): Promise<void> {
    await this.bringToFront();
    await this.page.evaluate(() =>
      jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart(),
    );
  }

  /**
   * Pictures of the page, light and dark, wide and narrow, into the folder that `LITE_PICTURES` names; with the first
   * element that `what` selects.
   */
  async look(name: string, what?: string): Promise<void> {
    const folder = process.env.LITE_PICTURES;
    if (!folder) return;
    const { page } = this;
    const before = page.viewportSize()!;
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: before.height });
      for (const theme of ['Dark', 'Light']) {
        await page.evaluate(
          (theme) => jupyterapp.commands.execute('apputils:change-theme', { theme }),
          `JupyterLab ${theme}`,
        );
        if (what) {
          const shown = page.locator(what).first();
          await shown.scrollIntoViewIfNeeded({ timeout }).catch(() => {});
        }
        await page.waitForTimeout(2000);
        const file = `${name}-${width}-${theme.toLowerCase()}.png`;
        await page.screenshot({ path: join(folder, file) });
      }
    }
    await page.setViewportSize(before);
  }

  async interrupt(): Promise<void> {
    await this.bringToFront();
    await this.page.evaluate(() =>
      jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt(),
    );
  }

  /** Replaces a cell and runs it. */
  async say(index: number, source: string): Promise<string> {
    await this.write(index, source);
    return textOf(await this.run(index));
  }

  /**
   * The notebook by the browser's own protocol: playwright gives a page up once the process of one of its frames has
   * died.
   */
  async outlivingFrames(): Promise<Outliving> {
    await this.bringToFront();
    const session = await this.page.context().newCDPSession(this.page);
    const evaluate = async (expression: string): Promise<unknown> => {
      const given = { expression, awaitPromise: true, returnByValue: true };
      const { result, exceptionDetails } = await session.send('Runtime.evaluate', given);
      if (exceptionDetails) throw new Error(exceptionDetails.text);
      return result.value;
    };
    const cell = (index: number): string =>
      `jupyterapp.shell.currentWidget.content.widgets.filter(({ model }) => model.type === 'code')[${index}]`;
    return {
      async write(index, source) {
        await evaluate(`${cell(index)}.model.sharedModel.setSource(${JSON.stringify(source)})`);
      },
      async run(index) {
        const outputs = await evaluate(`(async () => {
          const { content } = jupyterapp.shell.currentWidget;
          content.activeCellIndex = content.widgets.indexOf(${cell(index)});
          content.deselectAll();
          await jupyterapp.commands.execute('notebook:run-cell');
          return ${cell(index)}.model.sharedModel.toJSON().outputs;
        })()`);
        return textOf(outputs as Output[]);
      },
    };
  }

  /** Writes the notebook, as *File → Download* gives it, to a file. */
  async download(file: string): Promise<void> {
    await this.bringToFront();
    const download = this.page.waitForEvent('download');
    await this.page.evaluate(() => jupyterapp.commands.execute('docmanager:download'));
    await (await download).saveAs(file);
  }

  async complete(code: string): Promise<string[]> {
    await this.bringToFront();
    return this.page.evaluate(async (code) => {
      const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
      const reply = await kernel.requestComplete({ code, cursor_pos: code.length });
      return reply.content.matches;
    }, code);
  }

  /** The last cells that were run, up to the given number. */
  async history(count: number): Promise<string[]> {
    await this.bringToFront();
    return this.page.evaluate(async (n) => {
      const { kernel } = jupyterapp.shell.currentWidget.sessionContext.session;
      const asked = { hist_access_type: 'tail', n, output: false, raw: true };
      const { content } = await kernel.requestHistory(asked);
      return content.history.map(([, , source]) => source);
    }, count);
  }

  async save(): Promise<void> {
    await this.bringToFront();
    return this.page.evaluate(() => jupyterapp.shell.currentWidget.context.save());
  }
}
