import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Stream } from '../../child/messages';
import { print } from '../../child/print';

/** What front ends show: colours, of 256, and lines that are wrapped. */
const COLUMNS = 80;
const ROWS = 24;
const COLOUR_BITS = 8;

/** Sends what a cell prints to the parent, up to a limit. */
export function captureStreams(): void {
  for (const [name, fd] of [
    ['stdout', 1],
    ['stderr', 2],
  ] as const) {
    const stream = new CellStream(name, fd);
    Object.defineProperty(process, name, {
      configurable: true,
      enumerable: true,
      get: () => stream,
    });
  }
}

type Callback = (error?: Error | null) => void;

/**
 * `process.stdout` and `process.stderr` of the cells. What is written is sent before `write` returns.
 * It is never closed: `end`, as by a pipeline, counts for the one who calls it. The file descriptor
 * below is that of the process, for native code and for other processes.
 */
class CellStream extends Writable {
  readonly isTTY = false;
  readonly columns = COLUMNS;
  readonly rows = ROWS;
  /** A character may come in two chunks of bytes, with text in between. */
  private readonly decoder = new StringDecoder();

  constructor(
    private readonly stream: Stream,
    readonly fd: number,
  ) {
    super({ autoDestroy: false, emitClose: false });
  }

  override write(chunk: unknown, encoding?: BufferEncoding | Callback, callback?: Callback) {
    print(this.stream, this.textOf(chunk, typeof encoding === 'string' ? encoding : 'utf8'));
    const done = typeof encoding === 'function' ? encoding : callback;
    if (typeof done === 'function') process.nextTick(done, null);
    return true;
  }

  override end(chunk?: unknown, encoding?: BufferEncoding | Callback, callback?: Callback) {
    const done = [chunk, encoding, callback].find((value) => typeof value === 'function');
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') {
      this.write(chunk, typeof encoding === 'string' ? encoding : 'utf8');
    }
    process.nextTick(() => {
      this.tellFinished();
      if (done) (done as Callback)();
    });
    return this;
  }

  /** All but other sources that are piped to it: these would take it as closed. */
  private tellFinished(): void {
    for (const listener of this.rawListeners('finish')) {
      const { listener: piped } = listener as { listener?: { name: string } };
      if (piped?.name !== 'onfinish') Reflect.apply(listener, this, []);
    }
  }

  override destroy() {
    return this;
  }

  cursorTo(x: number, y?: number | Callback, callback?: Callback): boolean {
    const there = typeof y === 'number' ? `\x1b[${y + 1};${x + 1}H` : `\x1b[${x + 1}G`;
    return this.write(there, typeof y === 'function' ? y : callback);
  }

  moveCursor(dx: number, dy: number, callback?: Callback): boolean {
    const across = dx === 0 ? '' : `\x1b[${Math.abs(dx)}${dx < 0 ? 'D' : 'C'}`;
    const down = dy === 0 ? '' : `\x1b[${Math.abs(dy)}${dy < 0 ? 'A' : 'B'}`;
    return this.write(across + down, callback);
  }

  clearLine(direction: -1 | 0 | 1, callback?: Callback): boolean {
    return this.write(`\x1b[${direction === 0 ? 2 : direction < 0 ? 1 : 0}K`, callback);
  }

  clearScreenDown(callback?: Callback): boolean {
    return this.write('\x1b[0J', callback);
  }

  getWindowSize(): [number, number] {
    return [COLUMNS, ROWS];
  }

  getColorDepth(env: NodeJS.ProcessEnv = process.env): number {
    return env.NO_COLOR ? 1 : COLOUR_BITS;
  }

  hasColors(count: number | object = 16, env?: NodeJS.ProcessEnv): boolean {
    return (typeof count === 'number' ? count : 16) <= 2 ** this.getColorDepth(env);
  }

  private textOf(chunk: unknown, encoding: BufferEncoding): string {
    if (typeof chunk !== 'string') {
      if (ArrayBuffer.isView(chunk)) return this.decoder.write(bytesOf(chunk));
      const given = chunk === null ? 'null' : `a value of type ${typeof chunk}`;
      throw new TypeError(`process.${this.stream}.write takes a text or bytes, not ${given}.`);
    }
    if (/^utf-?8$/i.test(encoding)) return chunk;
    return this.decoder.write(Buffer.from(chunk, encoding));
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
