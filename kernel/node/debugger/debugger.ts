import { readFileSync } from 'node:fs';
import type { Debugger as Cdp } from 'node:inspector';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Json } from '../../protocol';
import { Frames } from './frames';
import { murmur2, SEED } from './hash';
import type { Inspector } from './inspector';
import { Positions } from './positions';

/** A line where the program is to stop, from 1, as front ends give it. */
interface Breakpoint {
  line: number;
  condition?: string;
}

/** A text that was made executable: a cell, or a file that a cell has loaded. */
interface Script {
  /** What the front end calls it. */
  path: string;
  positions: Positions;
}

/** How often a step may go on within the same line. */
const MOST_STEPS = 200;

const THREAD = 1;

/** Files that are stepped over. */
const SKIPPED = ['^node:', '/node_modules/', '/kernel/(bin|child|node/child)/[\\w-]+\\.c?[jt]s$'];

/**
 * A debugger for cells, by the messages of Jupyter: the Debug Adapter Protocol to the front end, the
 * inspector of the child to what runs.
 *
 * Source: "Messaging in Jupyter", section "Debug request", and the Debug Adapter Protocol.
 */
export class Debugger {
  private started = false;
  private enabled: Promise<unknown> | undefined;
  private sequence = 0;
  private readonly breakpoints = new Map<string, Breakpoint[]>();
  /** The inspector's numbers of breakpoints, by the path that they were set for. */
  private readonly set = new Map<string, string[]>();
  /** The lines of breakpoints, from 1, by the inspector's numbers. */
  private readonly lines = new Map<string, number>();
  /** The inspector's numbers of the breakpoints at which the program is stopped. */
  private hit: string[] = [];
  /** The texts that the front end has sent, by path. */
  private readonly texts = new Map<string, string>();
  /** By URL or name of file. */
  private readonly scripts = new Map<string, Script>();
  /** By the inspector's numbers of scripts. */
  private readonly urls = new Map<string, string>();
  private exceptions: 'none' | 'uncaught' | 'all' = 'none';
  private readonly frames: Frames;
  private stopped = false;
  private step: { method: string; from: string; left: number } | undefined;
  private readonly prefix = `${join(tmpdir(), `implicit-kernel-${process.pid}`)}${sep}`;

  /** @param tell publishes an event of the Debug Adapter Protocol. */
  constructor(
    private readonly inspector: Inspector,
    private readonly tell: (event: Json) => void,
  ) {
    this.frames = new Frames(inspector);
  }

  /** Answers the content of a `debug_request`. */
  async answer(request: Json): Promise<Json> {
    const command = String(request.command);
    const parameters = (request.arguments ?? {}) as Json;
    const head = { type: 'response', seq: ++this.sequence, request_seq: request.seq, command };
    try {
      const handle = this.commands[command];
      if (!handle) throw new Error(`The kernel's debugger does not know ${command}.`);
      return { ...head, success: true, body: (await handle(parameters)) ?? {} };
    } catch (error) {
      return { ...head, success: false, message: (error as Error).message, body: {} };
    } finally {
      if (command === 'initialize') this.event('initialized', {});
    }
  }

  /** To be called before a cell runs whose code is in `file`: its breakpoints are there in time. */
  async prepare(file: string, code: string, mappings: string): Promise<void> {
    const path = this.pathOf(code);
    this.texts.set(path, code);
    this.scripts.set(file, { path, positions: new Positions(mappings) });
    if (!this.started) return;
    await this.enable();
    for (const breakpoint of this.breakpoints.get(path) ?? []) await this.place(file, breakpoint);
  }

  /** The events of the inspector. */
  receive(method: string, params: object): void {
    if (method === 'Debugger.paused') void this.pause(params as Cdp.PausedEventDataType);
    else if (method === 'Debugger.resumed') this.resume();
    else this.note(params as Cdp.ScriptParsedEventDataType);
  }

  /** The process has ended; the next one has no debugger yet. */
  reset(): void {
    this.enabled = undefined;
    this.set.clear();
    this.scripts.clear();
    this.urls.clear();
    if (this.stopped) this.event('continued', { threadId: THREAD, allThreadsContinued: true });
    this.resume();
  }

  private readonly commands: Record<string, (parameters: Json) => unknown> = {
    initialize: async () => {
      this.started = true;
      await this.enable();
      return CAPABILITIES;
    },
    attach: () => this.enable(),
    configurationDone: () => ({}),
    debugInfo: () => this.info(),
    dumpCell: ({ code }) => {
      const path = this.pathOf(String(code));
      this.texts.set(path, String(code));
      return { sourcePath: path };
    },
    setBreakpoints: (parameters) => this.setBreakpoints(parameters),
    setExceptionBreakpoints: async ({ filters }) => {
      const chosen = Array.isArray(filters) ? filters : [];
      this.exceptions = chosen.includes('all')
        ? 'all'
        : chosen.includes('uncaught')
          ? 'uncaught'
          : 'none';
      await this.post('Debugger.setPauseOnExceptions', { state: this.exceptions });
    },
    threads: () => ({ threads: [{ id: THREAD, name: 'cells' }] }),
    stackTrace: () => this.stackTrace(),
    scopes: ({ frameId }) => this.frames.scopes(Number(frameId)),
    variables: ({ variablesReference }) => this.frames.variablesOf(Number(variablesReference)),
    evaluate: (parameters) => this.frames.evaluate(parameters),
    inspectVariables: () => this.frames.ofCells(),
    richInspectVariables: (parameters) => this.frames.richInspect(parameters),
    source: ({ source }) => {
      const path = String((source as Json | undefined)?.path ?? '');
      return {
        content: this.texts.get(path) ?? readFileSync(path, 'utf8'),
        mimeType: 'text/typescript',
      };
    },
    modules: () => ({ modules: [], totalModules: 0 }),
    continue: async () => {
      // Told before what goes on then puts anything out.
      this.resume();
      await this.post('Debugger.resume');
      return { allThreadsContinued: true };
    },
    next: () => this.stepBy('Debugger.stepOver'),
    stepIn: () => this.stepBy('Debugger.stepInto'),
    stepOut: () => this.stepBy('Debugger.stepOut'),
    pause: () => this.post('Debugger.pause'),
    disconnect: () => this.disconnect(),
    terminate: () => this.disconnect(),
  };

  private post<T = object>(method: string, params?: object): Promise<T> {
    return this.inspector.post<T>(method, params);
  }

  private event(event: string, body: Json): void {
    this.tell({ type: 'event', seq: ++this.sequence, event, body });
  }

  private enable(): Promise<unknown> {
    this.enabled ??= this.post('Debugger.enable').then(async () => {
      await this.post('Debugger.setBlackboxPatterns', { patterns: SKIPPED });
      await this.post('Debugger.setPauseOnExceptions', { state: this.exceptions });
    });
    return this.enabled.then(() => ({}));
  }

  private async disconnect(): Promise<void> {
    this.started = false;
    this.breakpoints.clear();
    this.set.clear();
    if (!this.enabled) return;
    this.enabled = undefined;
    // This lets a stopped program go on as well.
    await this.post('Debugger.disable');
    this.resume();
  }

  private info(): Json {
    const breakpoints = [...this.breakpoints].map(([source, lines]) => ({
      source,
      breakpoints: lines,
    }));
    return {
      isStarted: this.started,
      hashMethod: 'Murmur2',
      hashSeed: SEED,
      tmpFilePrefix: this.prefix,
      tmpFileSuffix: '.ts',
      breakpoints,
      stoppedThreads: this.stopped ? [THREAD] : [],
      richRendering: true,
      exceptionPaths: [],
      copyToGlobals: false,
    };
  }

  private pathOf(code: string): string {
    return `${this.prefix}${murmur2(code, SEED)}.ts`;
  }

  private async setBreakpoints({ source, breakpoints }: Json): Promise<Json> {
    const path = String((source as Json | undefined)?.path ?? '');
    const wanted = (Array.isArray(breakpoints) ? breakpoints : []) as Breakpoint[];
    await this.enable();
    for (const breakpointId of this.set.get(path) ?? []) {
      await this.post('Debugger.removeBreakpoint', { breakpointId });
    }
    this.set.delete(path);
    if (wanted.length > 0) this.breakpoints.set(path, wanted);
    else this.breakpoints.delete(path);
    const places = [...this.scripts].filter(([, script]) => script.path === path);
    for (const [file] of places) for (const one of wanted) await this.place(file, one);
    return {
      breakpoints: wanted.map(({ line }, i) => ({
        ...{ id: i + 1, verified: true, source: { path } },
        line: this.lineOf(places.at(-1)?.[1], line),
      })),
    };
  }

  /** Where the program will stop: a line may have no code. */
  private lineOf(script: Script | undefined, line: number): number {
    const code = script?.positions.toCode(line - 1);
    return code ? code.sourceLine + 1 : line;
  }

  private async place(file: string, { line, condition }: Breakpoint): Promise<void> {
    const script = this.scripts.get(file);
    const at = script?.positions.toCode(line - 1);
    if (!script || !at) return;
    const { breakpointId } = await this.post<{ breakpointId: string }>(
      'Debugger.setBreakpointByUrl',
      {
        ...{ lineNumber: at.line, columnNumber: at.column },
        urlRegex: `(?:^|/)${file.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`,
        ...(condition && { condition }),
      },
    );
    this.lines.set(breakpointId, at.sourceLine + 1);
    this.set.set(script.path, [...(this.set.get(script.path) ?? []), breakpointId]);
  }

  /** Files that cells have loaded, with the source maps that they carry. */
  private note({ scriptId, url, sourceMapURL }: Cdp.ScriptParsedEventDataType): void {
    this.urls.set(scriptId, url);
    const [, data] = /^data:application\/json;[^,]*base64,(.+)$/.exec(sourceMapURL ?? '') ?? [];
    const name = nameOf(url);
    if (data === undefined || this.scripts.has(name)) return;
    try {
      const { mappings } = JSON.parse(Buffer.from(data, 'base64').toString());
      const path = fileURLToPath(url);
      this.scripts.set(url, { path, positions: new Positions(mappings) });
      for (const one of this.breakpoints.get(path) ?? []) void this.place(url, one);
    } catch {
      // A map that cannot be read is ignored.
    }
  }

  /** Where a frame is, in the front end's terms; lines and columns from 1. */
  private placeOf({ location, functionName }: Cdp.CallFrame) {
    const url = this.urls.get(location.scriptId) ?? '';
    const script = this.scripts.get(nameOf(url)) ?? this.scripts.get(url);
    if (!script) return undefined;
    const { lineNumber: line, columnNumber: column = 0 } = location;
    const source = script.positions.toSource({ line, column });
    if (!source) return undefined;
    const name = functionName === 'module.exports' ? 'cell' : functionName || '(anonymous)';
    return { path: script.path, name, line: source.line + 1, column: source.column + 1 };
  }

  private async pause(paused: Cdp.PausedEventDataType): Promise<void> {
    const { callFrames, reason, hitBreakpoints = [] } = paused;
    const top = callFrames[0] && this.placeOf(callFrames[0]);
    const { step } = this;
    if (!callFrames.some(({ location }) => this.urls.has(location.scriptId))) {
      // A step has left the cell.
      this.step = undefined;
      await this.post('Debugger.resume').catch(() => {});
      return;
    }
    if (step && reason !== 'exception' && reason !== 'promiseRejection') {
      // The code has more places to stop at than the source has lines.
      const here = top && `${callFrames.length} ${top.path} ${top.line}`;
      if (step.left > 0 && (here === undefined || here === step.from)) {
        step.left--;
        // What has no line is the kernel's, in the code of a cell or below it.
        const inside = this.urls.has(callFrames[0]?.location.scriptId ?? '');
        const method = here === undefined && inside ? 'Debugger.stepOver' : step.method;
        await this.post(here || inside ? method : 'Debugger.stepOut').catch(() => {});
        return;
      }
    }
    this.step = undefined;
    this.frames.stopAt(callFrames);
    this.stopped = true;
    this.hit = hitBreakpoints;
    const why = step ? 'step' : /exception|Rejection/.test(reason) ? 'exception' : 'breakpoint';
    this.event('stopped', { reason: why, threadId: THREAD, allThreadsStopped: true });
  }

  private resume(): void {
    this.frames.clear();
    if (!this.stopped) return;
    this.stopped = false;
    if (!this.step) this.event('continued', { threadId: THREAD, allThreadsContinued: true });
  }

  private async stepBy(method: string): Promise<void> {
    const { numbered: frames } = this.frames;
    const [top] = frames;
    if (!top) throw new Error('Nothing is stopped.');
    const place = this.placeOf(top.frame);
    const from = place ? `${frames.length} ${place.path} ${place.line}` : '';
    this.step = { method, from, left: MOST_STEPS };
    await this.post(method);
  }

  /**
   * The line of the breakpoint at which the program is stopped. Looked up when it is asked for: the stop may be told
   * in one piece with the answer that gives the breakpoint its number.
   */
  private stoppedLine(): number | undefined {
    return this.hit.map((id) => this.lines.get(id)).find((line) => line !== undefined);
  }

  private stackTrace(): Json {
    const stoppedLine = this.stoppedLine();
    const stackFrames = this.frames.numbered.flatMap(({ frame, id }, i) => {
      const place = this.placeOf(frame);
      if (!place) return [];
      const { path, name, column } = place;
      // The engine stops at the end of a `return`, whose line may be the next.
      const line = (i === 0 ? stoppedLine : undefined) ?? place.line;
      return [{ id, name, line, column, source: { path, sourceReference: 0 } }];
    });
    return { stackFrames, totalFrames: stackFrames.length };
  }
}

/** The file of a cell by its bare name, as it is known before it runs. */
function nameOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}

const CAPABILITIES = {
  supportsConfigurationDoneRequest: true,
  supportsConditionalBreakpoints: true,
  supportsEvaluateForHovers: true,
  supportsModulesRequest: true,
  exceptionBreakpointFilters: [
    { filter: 'uncaught', label: 'Uncaught errors', default: false },
    { filter: 'all', label: 'All errors', default: false },
  ],
};
