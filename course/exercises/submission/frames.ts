import { FormatError } from './value-reader';

/** A message: its text, and the numbers that belong to it. */
export interface Frame<T = unknown> {
  head: T;
  bytes: Uint8Array;
}

const HEADER = 8;

/** The most that one message of a learner's process may hold. */
export const MOST_BYTES = 64 * 2 ** 20;

/** A message as bytes: two lengths, JSON, numbers. */
export function frameOf(head: unknown, bytes: Uint8Array): Buffer {
  const text = Buffer.from(JSON.stringify(head));
  const lengths = Buffer.alloc(HEADER);
  lengths.writeUInt32LE(text.length, 0);
  lengths.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([lengths, text, bytes]);
}

/** The lengths of the two parts that follow a header. */
export function lengthsOf(header: Buffer): [text: number, bytes: number] {
  return [header.readUInt32LE(0), header.readUInt32LE(4)];
}

/** Puts messages together from the pieces in which they come. */
export class FrameReader {
  private pieces: Buffer[] = [];
  private have = 0;
  private wanted = HEADER;

  /**
   * The messages that are complete with this piece.
   *
   * @throws FormatError if it is not a message, or larger than allowed
   */
  take(piece: Buffer): Frame[] {
    this.pieces.push(piece);
    this.have += piece.length;
    const frames: Frame[] = [];
    while (this.have >= this.wanted) {
      const all = this.pieces.length === 1 ? this.pieces[0]! : Buffer.concat(this.pieces);
      this.pieces = [all];
      const [text, bytes] = lengthsOf(all);
      const end = HEADER + text + bytes;
      if (end > MOST_BYTES) throw new FormatError('too much at once');
      if (all.length < end) {
        this.wanted = end;
        break;
      }
      frames.push({
        head: headOf(all.subarray(HEADER, HEADER + text)),
        bytes: Uint8Array.prototype.slice.call(all, HEADER + text, end),
      });
      this.pieces = [all.subarray(end)];
      this.have = all.length - end;
      this.wanted = HEADER;
    }
    return frames;
  }
}

function headOf(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    throw new FormatError('no message');
  }
}
