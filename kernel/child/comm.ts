import { decodeBase64, encodeBase64, type Json } from '../protocol';
import { currentCell } from './context';
import { send } from './host';
import type { CommMessage } from './messages';
import { jsonOf } from './sendable';

/** The parts of a comm message other than its data. */
export interface CommExtras {
  metadata?: Json;
  buffers?: readonly ArrayBufferView[];
}

/** A message that arrived on a comm. */
export interface CommEvent {
  data: Json;
  metadata: Json;
  buffers: Uint8Array[];
}

/**
 * A channel between a cell and an object of the front end, as widgets use.
 *
 * Source: "Messaging in Jupyter", section "Custom Messages".
 */
export interface Comm {
  readonly id: string;
  readonly target: string;
  send(data: Json, extras?: CommExtras): void;
  close(data?: Json): void;
  onMessage(listener: (event: CommEvent) => void): void;
  onClose(listener: (event: CommEvent) => void): void;
}

/** Opens comms, and answers those that the front end opens. */
export interface Comms {
  open(target: string, data?: Json, extras?: CommExtras): Comm;
  /** From now on the front end may open comms to `target`. */
  register(target: string, opened: (comm: Comm, event: CommEvent) => void): void;
}

type Listener = (event: CommEvent) => void;
type OpenComm = { comm: Comm; message: Listener[]; close: Listener[] };

const open = new Map<string, OpenComm>();
const targets = new Map<string, (comm: Comm, event: CommEvent) => void>();

export const comms: Comms = {
  open(target, data = {}, extras) {
    const comm = create(crypto.randomUUID(), String(target));
    post('comm_open', { comm_id: comm.id, target_name: comm.target, data }, extras);
    return comm;
  },
  register(target, opened) {
    targets.set(target, opened);
  },
};

/** Hands on what the front end sent. */
export function receiveComm({ type, content, metadata, buffers }: CommMessage): void {
  const id = String(content.comm_id);
  const data = (content.data ?? {}) as Json;
  const event = { data, metadata, buffers: buffers.map(decodeBase64) };
  if (type === 'comm_open') {
    const opened = targets.get(String(content.target_name));
    if (opened) opened(create(id, String(content.target_name)), event);
    else post('comm_close', { comm_id: id, data: {} });
    return;
  }
  const found = open.get(id);
  if (type === 'comm_close') open.delete(id);
  const listeners = type === 'comm_close' ? found?.close : found?.message;
  for (const listener of listeners ?? []) listener(event);
}

function create(id: string, target: string): Comm {
  const message: Listener[] = [];
  const close: Listener[] = [];
  const comm: Comm = {
    id,
    target,
    send: (data, extras) => post('comm_msg', { comm_id: id, data }, extras),
    close(data = {}) {
      open.delete(id);
      post('comm_close', { comm_id: id, data });
    },
    onMessage: (listener) => void message.push(listener),
    onClose: (listener) => void close.push(listener),
  };
  open.set(id, { comm, message, close });
  return comm;
}

function post(type: CommMessage['type'], content: Json, extras: CommExtras = {}): void {
  const { metadata = {}, buffers = [] } = extras;
  const encoded = buffers.map(base64);
  const message = {
    type,
    content: jsonOf(content) as Json,
    metadata: jsonOf(metadata) as Json,
    buffers: encoded,
  };
  send({ type: 'comm', cell: currentCell().id, message });
}

/** The bytes of any view, such as a `Float32Array`, not its values. */
function base64(view: ArrayBufferView): string {
  return encodeBase64(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
}
