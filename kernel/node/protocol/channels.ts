import { setImmediate as turn } from 'node:timers/promises';
import { Reply, Router, XPublisher } from 'zeromq';
import type { Channels, Extra, Header, Json, Message, RequestChannel } from '../../protocol';
import { Codec, type Frames } from './codec';
import { address, type Connection } from './connection';

/**
 * The five sockets of a kernel. What is sent arrives, in order: each socket has a queue that awaits
 * every send, and no socket drops messages at a high-water mark.
 */
export class SocketChannels implements Channels {
  private readonly codec: Codec;
  private readonly routers = { shell: router(), control: router(), stdin: router() };
  private readonly iopub = new XPublisher({ sendHighWaterMark: 0, linger: 1000 });
  private readonly heartbeat = new Reply({ linger: 0 });
  private readonly queues = {
    shell: new SendQueue(this.routers.shell),
    control: new SendQueue(this.routers.control),
    stdin: new SendQueue(this.routers.stdin),
    iopub: new SendQueue(this.iopub),
  };

  constructor(private readonly connection: Connection) {
    this.codec = new Codec(connection.key, connection.signature_scheme);
  }

  /** Binds all sockets and starts to hand what arrives to `receive`, one call a message. */
  async open(receive: (channel: RequestChannel, message: Message) => void): Promise<void> {
    const at = (port: number): string => address(this.connection, port);
    await Promise.all([
      this.iopub.bind(at(this.connection.iopub_port)),
      this.heartbeat.bind(at(this.connection.hb_port)),
      this.routers.shell.bind(at(this.connection.shell_port)),
      this.routers.control.bind(at(this.connection.control_port)),
      this.routers.stdin.bind(at(this.connection.stdin_port)),
    ]);
    for (const channel of ['shell', 'control', 'stdin'] as const)
      void this.listen(channel, receive);
    void this.echo();
    void this.welcome();
  }

  /** Answers `request` on the channel it came by. */
  reply(channel: RequestChannel, request: Message, type: string, content: Json): void {
    const frames = this.codec.encode(request.identities, type, request.header, content);
    this.queues[channel].push(frames);
  }

  /** Publishes to every client, as part of what `parent` caused. */
  publish(type: string, content: Json, parent: Header | undefined, extra?: Extra): void {
    this.queues.iopub.push(this.codec.encode([type], type, parent, content, extra));
  }

  /** Resolves when everything that was queued has been handed to ZeroMQ; then closes the sockets. */
  async close(): Promise<void> {
    await Promise.all(Object.values(this.queues).map((queue) => queue.drained()));
    for (const socket of [...Object.values(this.routers), this.iopub, this.heartbeat]) {
      socket.close();
    }
  }

  private async listen(
    channel: RequestChannel,
    receive: (channel: RequestChannel, message: Message) => void,
  ): Promise<void> {
    for await (const frames of this.routers[channel]) {
      let message: Message;
      try {
        message = this.codec.decode(frames);
      } catch (error) {
        console.error(`Dropped a message on ${channel}: ${(error as Error).message}`);
        continue;
      }
      receive(channel, message);
    }
  }

  private async echo(): Promise<void> {
    for await (const frames of this.heartbeat) await this.heartbeat.send(frames);
  }

  /** Greets each new subscription, so that a client knows that it misses nothing from here on. */
  private async welcome(): Promise<void> {
    for await (const [frame] of this.iopub) {
      if (frame?.[0] !== 1) continue;
      const topic = frame.subarray(1);
      const content = { subscription: topic.toString() };
      this.queues.iopub.pushFirst(this.codec.encode([topic], 'iopub_welcome', undefined, content));
    }
  }
}

function router(): Router {
  return new Router({ sendHighWaterMark: 0, linger: 1000 });
}

/** Sends frames one after the other: a ZeroMQ.js socket refuses a send while another one waits. */
class SendQueue {
  private first: Frames[] = [];
  private waiting: Frames[] = [];
  private running: Promise<void> | undefined;

  constructor(private readonly socket: { send(frames: Frames): Promise<void> }) {}

  push(frames: Frames): void {
    this.waiting.push(frames);
    this.running ??= this.run();
  }

  /** Sends frames before all that wait. */
  pushFirst(frames: Frames): void {
    this.first.push(frames);
    this.running ??= this.run();
  }

  async drained(): Promise<void> {
    await this.running;
  }

  private async run(): Promise<void> {
    // A subscription that came while the process was busy is greeted before anything is sent to it.
    await turn();
    while (this.first.length + this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      for (const frames of batch) {
        await this.sendFirst();
        await this.send(frames);
      }
      await this.sendFirst();
    }
    this.running = undefined;
  }

  private async sendFirst(): Promise<void> {
    for (let frames = this.first.shift(); frames; frames = this.first.shift()) {
      await this.send(frames);
    }
  }

  private async send(frames: Frames): Promise<void> {
    try {
      await this.socket.send(frames);
    } catch (error) {
      console.error(`Could not send a message: ${(error as Error).message}`);
    }
  }
}
