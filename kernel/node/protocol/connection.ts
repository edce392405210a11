import { chmodSync, readFileSync, statSync } from 'node:fs';

/** Jupyter's connection file: where to bind, and the key that signs messages. */
export interface Connection {
  transport: string;
  ip: string;
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
  key: string;
  signature_scheme: string;
}

const PORTS = ['shell_port', 'iopub_port', 'stdin_port', 'control_port', 'hb_port'] as const;

/**
 * Reads the connection file at `path` and, as it holds the key, takes it away from other users.
 *
 * @throws Error when a field is missing or of the wrong kind.
 */
export function readConnection(path: string): Connection {
  hideFromOthers(path);
  const json = JSON.parse(readFileSync(path, 'utf8'));
  for (const port of PORTS) {
    if (!Number.isInteger(json[port])) throw new Error(`${path}: ${port} is not a port number`);
  }
  if (typeof json.ip !== 'string' || json.ip === '') throw new Error(`${path}: ip is missing`);
  if (typeof json.key !== 'string') throw new Error(`${path}: key is missing`);
  return { transport: 'tcp', signature_scheme: 'hmac-sha256', ...json };
}

/** The ZeroMQ address of a port: only the connection file's own, never a wildcard. */
export function address({ transport, ip }: Connection, port: number): string {
  return transport === 'ipc' ? `ipc://${ip}-${port}` : `${transport}://${ip}:${port}`;
}

function hideFromOthers(path: string): void {
  const { mode } = statSync(path);
  if (process.platform === 'win32' || (mode & 0o077) === 0) return;
  chmodSync(path, mode & 0o700);
}
