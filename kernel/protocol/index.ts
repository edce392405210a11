export { decodeBase64, encodeBase64 } from './base64';
export type { Channels, RequestChannel } from './channels';
export { type Extra, type Header, type Json, type Message, PROTOCOL_VERSION } from './message';
