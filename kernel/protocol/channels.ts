import type { Extra, Header, Json, Message } from './message';

/** The channels on which requests arrive. */
export type RequestChannel = 'shell' | 'control' | 'stdin';

/** How messages reach a kernel and its clients. What is sent arrives, in order. */
export interface Channels {
  /** Starts to hand what arrives to `receive`, one call a message. */
  open(receive: (channel: RequestChannel, message: Message) => void): Promise<void>;
  /** Answers `request` on the channel it came by. */
  reply(channel: RequestChannel, request: Message, type: string, content: Json): void;
  /** Publishes to every client, as part of what `parent` caused. */
  publish(type: string, content: Json, parent: Header | undefined, extra?: Extra): void;
  /** Resolves when everything that was sent has been handed on. */
  close(): Promise<void>;
}
