/** What the kernel gives to libraries; its README describes the symbols. */

/** A channel to an object of the front end. */
export interface Comm {
  readonly id: string;
  send(data: object, extras?: CommExtras): void;
  onMessage(listener: (event: CommEvent) => void): void;
  onClose(listener: () => void): void;
}

export interface CommExtras {
  metadata?: Record<string, unknown>;
  buffers?: readonly Uint8Array[];
}

export interface CommEvent {
  data: Record<string, unknown>;
}

export interface Comms {
  open(target: string, data: object, extras?: CommExtras): Comm;
  register(target: string, opened: (comm: Comm) => void): void;
}

/** Where what a function shows and prints goes. */
export interface Sink {
  display(bundle: { data: Record<string, unknown>; transient?: object }, update: boolean): void;
  print(stream: string, text: string): void;
  /** An interrupt has ended the function, which will not settle any more. */
  interrupted(): void;
}

/** The sink of what `interact` draws. */
export interface DrawingSink extends Sink {
  /** Whether figures are to be pictures too, which takes longer than a reader who drags can wait. */
  pictures: boolean;
}

type Redirect = <T>(sink: Sink, run: () => T) => T;

function hook<T>(name: string): T | undefined {
  return (globalThis as Record<symbol, unknown>)[Symbol.for(`implicit-kernel.${name}`)] as
    | T
    | undefined;
}

/** Comms, where a front end listens to them with a person before it. */
export function liveComms(): Comms | undefined {
  return hook<() => boolean>('attended')?.() ? hook<Comms>('comms') : undefined;
}

/** Calls `run` with its output going to `sink`. */
export const redirect: Redirect = (sink, run) => {
  const kernel = hook<Redirect>('redirect');
  return kernel ? kernel(sink, run) : run();
};

/** The sink of what is running, where `interact` draws it. */
export function drawingSink(): DrawingSink | undefined {
  const sink = hook<() => Sink | undefined>('sink')?.();
  return sink && 'pictures' in sink ? (sink as DrawingSink) : undefined;
}
