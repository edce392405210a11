export { Channels, type RequestChannel } from './channels';
export { type Connection, readConnection } from './connection';
export { Codec, type Header, type Json, type Message, PROTOCOL_VERSION } from './message';
