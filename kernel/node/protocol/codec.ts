import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { type Extra, type Header, type Json, type Message, PROTOCOL_VERSION } from '../../protocol';

/** The parts of a message, as ZeroMQ sends them. */
export type Frames = (Uint8Array | string)[];

const DELIMITER = Buffer.from('<IDS|MSG>');

/**
 * Signs, builds, verifies and parses the frames of Jupyter messages for one connection.
 *
 * Source: jupyter-client documentation, "Messaging in Jupyter", section "The Wire Protocol".
 */
export class Codec {
  private readonly session = randomUUID();

  constructor(
    private readonly key: string,
    private readonly scheme: string,
  ) {}

  /** The frames of a new message of `type` in answer to `parent`, addressed to `identities`. */
  encode(
    identities: readonly (Uint8Array | string)[],
    type: string,
    parent: Header | undefined,
    content: Json,
    { metadata = {}, buffers = [] }: Extra = {},
  ): Frames {
    const header: Header = {
      msg_id: randomUUID(),
      username: 'kernel',
      session: this.session,
      date: new Date().toISOString(),
      msg_type: type,
      version: PROTOCOL_VERSION,
    };
    const parts = [header, parent ?? {}, metadata, content].map(toWellFormedJson);
    return [...identities, DELIMITER, this.sign(parts), ...parts, ...buffers];
  }

  /**
   * The message in `frames`.
   *
   * @throws Error saying what is wrong: no delimiter, too few frames, a signature that does not
   *   match, frames that are not JSON objects, a header without its fields.
   */
  decode(frames: readonly Buffer[]): Message {
    const at = frames.findIndex((frame) => frame.equals(DELIMITER));
    if (at < 0) throw new Error('no <IDS|MSG> delimiter');
    const parts = frames.slice(at + 2, at + 6);
    if (parts.length < 4) throw new Error(`${parts.length} frames after the signature, not 4`);
    this.verify(frames[at + 1]!, parts);
    const [header, parent, metadata, content] = parts.map(parseObject) as [Json, Json, Json, Json];
    if (!isHeader(header)) throw new Error('a header without msg_id, session or msg_type');
    return {
      identities: frames.slice(0, at),
      header,
      parent,
      metadata,
      content,
      buffers: frames.slice(at + 6),
    };
  }

  private sign(parts: readonly (Buffer | string)[]): string {
    if (this.key === '') return '';
    const hmac = createHmac(this.scheme.replace(/^hmac-/, ''), this.key);
    for (const part of parts) hmac.update(part);
    return hmac.digest('hex');
  }

  private verify(signature: Buffer, parts: readonly Buffer[]): void {
    const expected = Buffer.from(this.sign(parts));
    if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) {
      throw new Error('a wrong signature');
    }
  }
}

/**
 * `value` as JSON in which every text is whole Unicode. Half of a surrogate pair becomes U+FFFD:
 * Jupyter could neither encode it as UTF-8 nor save the notebook.
 *
 * `JSON.stringify` escapes surrogates exactly where they are unpaired, in values and in keys.
 * Source: ECMA-262, section "QuoteJSONString".
 */
function toWellFormedJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!text.includes('\\ud')) return text;
  return text.replace(/\\(?:(ud[89a-f][0-9a-f]{2})|.)/g, (escaped, half) =>
    half === undefined ? escaped : '\\ufffd',
  );
}

function parseObject(frame: Buffer): Json {
  const value: unknown = JSON.parse(frame.toString('utf8'));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Error('a frame that is not a JSON object');
  }
  return value as Json;
}

function isHeader(json: Json): json is Header {
  return ['msg_id', 'session', 'msg_type'].every((field) => typeof json[field] === 'string');
}
