import type { CommMessage } from '../child/messages';
import { encodeBase64, type Json, type Message } from '../protocol';

/** The comms that are open, and the two forms that their messages have. */
export class CommTable {
  private readonly targets = new Map<string, string>();

  /** Called with every comm message, in both directions. */
  note({ type, content }: CommMessage): void {
    const id = String(content.comm_id);
    if (type === 'comm_open') this.targets.set(id, String(content.target_name));
    if (type === 'comm_close') this.targets.delete(id);
  }

  /** Their variables are lost, and with them who listened. */
  clear(): void {
    this.targets.clear();
  }

  /** Answers a `comm_info_request`. */
  info(target: unknown): Json {
    const comms: Json = {};
    for (const [id, target_name] of this.targets) {
      if (typeof target !== 'string' || target === target_name) comms[id] = { target_name };
    }
    return { comms };
  }
}

export function commMessageOf({ header, content, metadata, buffers }: Message): CommMessage {
  const type = header.msg_type as CommMessage['type'];
  return { type, content, metadata, buffers: buffers.map(encodeBase64) };
}
