import type { Stream } from '../child/messages';
import type { Channels, Extra, Header, Json } from '../protocol';

/** Prints are merged until this much time has passed or text has come. */
const DELAY_MS = 20;
const MOST_CHARACTERS = 1 << 16;

type Pending = { name: Stream; parent: Header; chunks: string[]; length: number };

/** What cells put out, on its way to the clients: in order, with neighbouring prints merged. */
export class Output {
  private pending: Pending | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly channels: Channels) {}

  print(name: Stream, text: string, parent: Header): void {
    if (this.pending && (this.pending.name !== name || this.pending.parent !== parent)) {
      this.flush();
    }
    this.pending ??= { name, parent, chunks: [], length: 0 };
    this.pending.chunks.push(text);
    this.pending.length += text.length;
    if (this.pending.length > MOST_CHARACTERS) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), DELAY_MS);
  }

  publish(type: string, content: Json, parent: Header, extra?: Extra): void {
    this.flush();
    this.channels.publish(type, content, parent, extra);
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.pending) return;
    const { name, parent, chunks } = this.pending;
    this.pending = undefined;
    this.channels.publish('stream', { name, text: chunks.join('') }, parent);
  }
}
