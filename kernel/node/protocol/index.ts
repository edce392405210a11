export { SocketChannels } from './channels';
export { type Connection, readConnection } from './connection';
