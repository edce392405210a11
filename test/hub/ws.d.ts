/** What is used of `ws`, which comes with jsdom. */
declare module 'ws' {
  export class WebSocket {
    constructor(
      url: string,
      options: { headers: Record<string, string>; rejectUnauthorized?: boolean },
    );
    on(event: 'open' | 'close', listener: () => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'message', listener: (data: Buffer) => void): this;
    send(text: string): void;
    close(): void;
  }
}
