import type { Debugger as Cdp, Runtime } from 'node:inspector';
import type { Json } from '../../protocol';
import type { Inspector } from './inspector';
import { boxed, namesIn, Variables } from './variables';

/** More than the inspector reports. */
const MOST_FRAMES = 1000;

/** The frames at which a program is stopped, and the values that are visible in them. */
export class Frames {
  private frames: readonly Cdp.CallFrame[] = [];
  /**
   * The number of the first frame, another one at each stop: JupyterLab looks at the variables again
   * only where the frame is another one.
   */
  private first = 0;
  private variables: Variables;

  constructor(private readonly inspector: Inspector) {
    this.variables = new Variables(inspector);
  }

  /** From the top, with the numbers by which the front end asks for them. */
  get numbered(): { frame: Cdp.CallFrame; id: number }[] {
    return this.frames.map((frame, i) => ({ frame, id: this.first + i }));
  }

  stopAt(frames: readonly Cdp.CallFrame[]): void {
    this.first += MOST_FRAMES;
    this.frames = frames;
  }

  clear(): void {
    this.frames = [];
    this.variables = new Variables(this.inspector);
  }

  /** The parts of a value, by the reference that the front end was given. */
  async variablesOf(reference: number): Promise<Json> {
    return { variables: await this.variables.of(reference) };
  }

  /** The names that the cells have declared. */
  async ofCells(): Promise<Json> {
    return this.variablesOf(this.variables.numbered({ names: true }));
  }

  /** By its number, or counted from the top. */
  private frameAt(id: number): Cdp.CallFrame | undefined {
    return this.frames[id >= this.first ? id - this.first : id];
  }

  private scopesOf(frameId: number): Cdp.Scope[] {
    const frame = this.frameAt(frameId);
    if (!frame) throw new Error(`There is no frame ${frameId}.`);
    return frame.scopeChain.filter(({ type }) => type !== 'global' && type !== 'script');
  }

  scopes(frameId: number): Json {
    const own: string[] = [];
    const outer: string[] = [];
    for (const { type, object } of this.scopesOf(frameId)) {
      if (object.objectId)
        (type === 'closure' || type === 'module' ? outer : own).push(object.objectId);
    }
    const scope = (name: string, reference: number) => ({
      ...{ name, presentationHint: name.toLowerCase() },
      ...{ variablesReference: reference, expensive: false },
    });
    return {
      scopes: [
        scope('Locals', this.variables.numbered({ objects: own })),
        ...(outer.length > 0
          ? [scope('Closure', this.variables.numbered({ objects: outer }))]
          : []),
        scope('Notebook', this.variables.numbered({ names: true })),
      ],
    };
  }

  /** The value of an expression, in a frame or, where nothing is stopped, among the cells' names. */
  private async valueOf(expression: string, frameId: unknown): Promise<Runtime.RemoteObject> {
    const frame = this.frameAt(Number(frameId ?? 0));
    type Evaluated = { result: Runtime.RemoteObject; exceptionDetails?: Runtime.ExceptionDetails };
    const options = { generatePreview: true, silent: true };
    let evaluated: Evaluated;
    if (frame) {
      const names = await namesIn(
        frame.scopeChain.filter(({ type }) => type !== 'global'),
        this.inspector,
      );
      evaluated = await this.inspector.post<Evaluated>('Debugger.evaluateOnCallFrame', {
        ...{ ...options, callFrameId: frame.callFrameId },
        expression: boxed(expression, names),
      });
    } else {
      const all = "globalThis[Symbol.for('implicit-kernel.variables')]()";
      const body = JSON.stringify(`with (names) return (${expression}\n)`);
      evaluated = await this.inspector.post<Evaluated>('Runtime.evaluate', {
        ...options,
        expression: `Function('names', ${body})(${all})`,
      });
    }
    const { result, exceptionDetails } = evaluated;
    if (exceptionDetails) throw new Error(result.description ?? exceptionDetails.text);
    return result;
  }

  async evaluate({ expression, frameId }: Json): Promise<Json> {
    const result = await this.valueOf(String(expression), frameId);
    const { value, type, variablesReference } = this.variables.variable('', result);
    return { result: value, type, variablesReference };
  }

  async richInspect({ variableName, frameId }: Json): Promise<Json> {
    const printed = "globalThis[Symbol.for('implicit-kernel.printed')]";
    const { value } = await this.valueOf(`${printed}(${String(variableName)})`, frameId);
    return { data: { 'text/plain': String(value) }, metadata: {} };
  }
}
