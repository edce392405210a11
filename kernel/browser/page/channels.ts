import {
  type Channels,
  type Extra,
  type Header,
  type Json,
  type Message,
  PROTOCOL_VERSION,
  type RequestChannel,
} from '../../protocol';
import { firstCell } from './first-cell';

/** A message as JupyterLite has it. */
export interface LiteMessage {
  channel: string;
  header: Header;
  parent_header: Json;
  metadata: Json;
  content: Json;
  buffers?: (ArrayBuffer | ArrayBufferView)[];
}

/** Messages within a page: no sockets, no signatures. */
export class PageChannels implements Channels {
  private hear: ((channel: RequestChannel, message: Message) => void) | undefined;

  constructor(private readonly send: (message: object) => void) {}

  async open(hear: (channel: RequestChannel, message: Message) => void): Promise<void> {
    this.hear = hear;
  }

  /** Hands what the front end has sent to the kernel. */
  receive({ channel, header, parent_header, metadata, content, buffers = [] }: LiteMessage): void {
    const from = header.msg_type === 'input_reply' ? 'stdin' : channel;
    this.hear?.(from as RequestChannel, {
      identities: [],
      header,
      parent: parent_header,
      metadata,
      content,
      buffers: buffers.map(bytesOf),
    });
  }

  reply(channel: RequestChannel, request: Message, type: string, content: Json): void {
    // JupyterLite would itself cancel all cells that wait, unless it takes the error for an interrupt.
    if (type === 'execute_reply') firstCell.hasRun();
    const metadata = type === 'execute_reply' ? { cause: 'interrupt' } : {};
    this.post(channel, type, request.header, content, { metadata });
  }

  publish(type: string, content: Json, parent: Header | undefined, extra: Extra = {}): void {
    if (parent) this.post('iopub', type, parent, content, extra);
  }

  async close(): Promise<void> {
    this.hear = undefined;
  }

  private post(
    channel: string,
    type: string,
    parent: Header,
    content: Json,
    { metadata = {}, buffers = [] }: Extra,
  ): void {
    const header = {
      msg_id: crypto.randomUUID(),
      msg_type: type,
      // JupyterLite finds the client by it.
      session: parent.session,
      username: 'kernel',
      date: new Date().toISOString(),
      version: PROTOCOL_VERSION,
    };
    this.send({ channel, header, parent_header: parent, metadata, content, buffers: [...buffers] });
  }
}

function bytesOf(buffer: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
}
