/** A JSON object, as the protocol's headers and contents are. */
export type Json = Record<string, unknown>;

/** The header of a Jupyter message; a received one may hold more fields, which replies give back. */
export interface Header extends Json {
  msg_id: string;
  session: string;
  msg_type: string;
}

/** A Jupyter message as the handlers see it. */
export interface Message {
  /** The routing prefix: the sender, and so the receiver of the answer. Empty without a router. */
  identities: Uint8Array[];
  header: Header;
  parent: Json;
  metadata: Json;
  content: Json;
  buffers: Uint8Array[];
}

/** The parts of a published message other than its content. */
export interface Extra {
  metadata?: Json;
  buffers?: readonly Uint8Array[];
}

export const PROTOCOL_VERSION = '5.3';
