import { deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const [RGB, INDEXED, RGBA] = [2, 3, 6];

const PALETTE_SIZE = 256;

/** Errors of a colour, of 255, that may be made so that fewer colours are needed: none is seen. */
const UNSEEN = [0, 1, 2, 4, 6];

/** A picture of four bytes a pixel: red, green, blue, opacity. */
export interface Pixels {
  data: Uint8Array;
  width: number;
  height: number;
}

/**
 * A PNG with opacity.
 *
 * @see W3C, [Portable Network Graphics (PNG) Specification](https://www.w3.org/TR/png-3/), 3rd
 *   edition, §5, §9 and §11.
 */
export function encodePng({ data, width, height }: Pixels): Buffer {
  return assemble(width, height, RGBA, [], rows(data, width, height, 4));
}

/**
 * A small PNG of an opaque picture.
 *
 * Figures have few colours, and shades at the edges of lines: a palette of 256 does, with the least
 * error at which it comes near every colour. A picture that this would change visibly keeps its
 * colours.
 */
export function encodeOpaquePng({ data, width, height }: Pixels): Buffer {
  const count = width * height;
  const colours = new Uint32Array(data.buffer, data.byteOffset, count);
  const quantized = quantize(colours);
  if (!quantized) {
    const rgb = new Uint8Array(3 * count);
    for (let i = 0; i < count; i++) rgb.set(data.subarray(4 * i, 4 * i + 3), 3 * i);
    return assemble(width, height, RGB, [], differences(rgb, width, height, 3));
  }
  const { palette, indexOf } = quantized;
  const indices = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const repeated = i > 0 && colours[i] === colours[i - 1];
    indices[i] = repeated ? indices[i - 1]! : indexOf.get(colours[i]!)!;
  }
  const entries = Buffer.from(palette.flat());
  return assemble(
    width,
    height,
    INDEXED,
    [chunk('PLTE', entries)],
    rows(indices, width, height, 1),
  );
}

interface Quantized {
  palette: number[][];
  /** Where each colour's stand-in is in the palette. */
  indexOf: Map<number, number>;
}

/** A palette near every colour, with the least error for which there is one. */
function quantize(colours: Uint32Array): Quantized | undefined {
  const byFrequency = [...frequencies(colours)]
    .sort(([a, m], [b, n]) => n - m || a - b)
    .map(([colour]) => colour);
  for (const error of UNSEEN) {
    const found = cover(byFrequency, error);
    if (found) return found;
  }
  return undefined;
}

/** Takes each colour into the palette that is farther than the error from all in it. */
function cover(colours: readonly number[], error: number): Quantized | undefined {
  const palette: number[][] = [];
  const indexOf = new Map<number, number>();
  for (const colour of colours) {
    const wanted = channels(colour);
    let nearest = -1;
    let least = error;
    for (let i = 0; i < palette.length && least >= 0; i++) {
      const off = distance(palette[i]!, wanted);
      if (off > least) continue;
      nearest = i;
      least = off - 1;
    }
    if (nearest < 0) {
      if (palette.length === PALETTE_SIZE) return undefined;
      nearest = palette.push(wanted) - 1;
    }
    indexOf.set(colour, nearest);
  }
  return { palette, indexOf };
}

function frequencies(colours: Uint32Array): Map<number, number> {
  const counts = new Map<number, number>();
  let start = 0;
  for (let i = 1; i <= colours.length; i++) {
    if (i < colours.length && colours[i] === colours[start]) continue;
    counts.set(colours[start]!, (counts.get(colours[start]!) ?? 0) + i - start);
    start = i;
  }
  return counts;
}

function distance(a: number[], b: number[]): number {
  return Math.max(Math.abs(a[0]! - b[0]!), Math.abs(a[1]! - b[1]!), Math.abs(a[2]! - b[2]!));
}

const word = new Uint32Array(1);
const bytes = new Uint8Array(word.buffer);

/** The red, green and blue bytes of a word in memory. */
function channels(colour: number): number[] {
  word[0] = colour;
  return [bytes[0]!, bytes[1]!, bytes[2]!];
}

/** Each row behind a 0: stored as it is, which packs best for flat areas. */
function rows(data: Uint8Array, width: number, height: number, bytesPerPixel: number): Buffer {
  const stride = bytesPerPixel * width;
  const stored = Buffer.alloc((stride + 1) * height);
  for (let y = 0; y < height; y++) {
    stored.set(data.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1);
  }
  return stored;
}

/** Each row behind a 2: its differences to the row above, which pack best for shades. */
function differences(data: Uint8Array, width: number, height: number, bytesPerPixel: number) {
  const stride = bytesPerPixel * width;
  const stored = rows(data, width, height, bytesPerPixel);
  for (let y = height - 1; y >= 0; y--) {
    const start = y * (stride + 1);
    stored[start] = 2;
    if (y === 0) continue;
    for (let i = start + 1; i <= start + stride; i++) stored[i]! -= stored[i - stride - 1]!;
  }
  return stored;
}

function assemble(width: number, height: number, type: number, extra: Buffer[], stored: Buffer) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  header[9] = type;
  const packed = deflateSync(stored, { level: 9 });
  const chunks = [
    chunk('IHDR', header),
    ...extra,
    chunk('IDAT', packed),
    chunk('IEND', Buffer.alloc(0)),
  ];
  return Buffer.concat([SIGNATURE, ...chunks]);
}

function chunk(name: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(name, 'latin1'), data]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(data.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}

function crc32(data: Uint8Array): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
