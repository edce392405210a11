import type { Header, Message } from '../protocol';

/** A slider that is dragged sends them by the hundred; what an older one left running is rare. */
const MOST_COMM_MESSAGES = 100;

/** The requests behind what is put out, by the numbers that cells and messages to comms go by. */
export class Origins {
  private readonly headers = new Map<number, Header>();
  /** Oldest first. */
  private readonly commMessages: number[] = [];
  private last = 0;

  /** Numbers a cell, whose request is kept for good: it may put something out at any time. */
  ofCell({ header }: Message): number {
    this.headers.set(++this.last, header);
    return this.last;
  }

  /** Numbers a message to a comm, whose request is kept for as long as it is among the newest. */
  ofCommMessage(request: Message): number {
    const number = this.ofCell(request);
    this.commMessages.push(number);
    if (this.commMessages.length > MOST_COMM_MESSAGES) {
      this.headers.delete(this.commMessages.shift()!);
    }
    return number;
  }

  /** The request with that number; where that is not known any more, the latest one. */
  headerOf(number: number): Header | undefined {
    return this.headers.get(number) ?? this.latest;
  }

  get latest(): Header | undefined {
    return this.headers.get(this.last);
  }
}
