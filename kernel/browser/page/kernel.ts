import type { About } from '../../server';
import { Kernel } from '../../server';
import type { Places } from './cells-at';
import { type LiteMessage, PageChannels } from './channels';
import { pageHome } from './home';
import type { KernelOptions, LiteKernel, Signal } from './lite';

/**
 * Our kernel as JupyterLite wants it. A message is answered later: JupyterLite waits for each before
 * it hands on the next, and completion is to work while a cell runs.
 */
export class PageKernel implements LiteKernel {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly ready: Promise<void>;
  readonly disposed: Signal;
  isDisposed = false;
  private readonly channels: PageChannels;
  private readonly kernel: Kernel;

  constructor(
    { id, name, location, sendMessage }: KernelOptions,
    places: Omit<Places, 'directory'>,
    versions: Omit<About, 'host'>,
    makeSignal: (sender: object) => Signal,
  ) {
    this.id = id;
    this.name = name;
    this.location = location;
    this.disposed = makeSignal(this);
    this.channels = new PageChannels(sendMessage);
    const directory = location.slice(location.indexOf(':') + 1);
    this.kernel = new Kernel(pageHome(this.channels, { ...places, directory }, versions));
    this.ready = this.kernel.start();
  }

  async handleMessage(message: LiteMessage): Promise<void> {
    this.channels.receive(message);
  }

  interrupt(): void {
    this.kernel.interrupt();
  }

  dispose(): void {
    if (this.isDisposed) return;
    this.isDisposed = true;
    void this.kernel.stop();
    this.disposed.emit(undefined);
  }
}
