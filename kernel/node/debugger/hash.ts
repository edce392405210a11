/** The seed of the names of cells, that of ipykernel. */
export const SEED = 0xc70f6907;

/**
 * A hash of a cell's text, by which front ends know where a breakpoint belongs.
 *
 * Source: Austin Appleby, MurmurHash2, 32 bits, over the bytes of UTF-8.
 */
export function murmur2(text: string, seed: number): number {
  const bytes = Buffer.from(text);
  const mix = 0x5bd1e995;
  let hash = seed ^ bytes.length;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    let word = Math.imul(bytes.readInt32LE(at), mix);
    word = Math.imul(word ^ (word >>> 24), mix);
    hash = Math.imul(hash, mix) ^ word;
  }
  const rest = bytes.subarray(at);
  if (rest.length > 0) {
    rest.forEach((byte, i) => {
      hash ^= byte << (8 * i);
    });
    hash = Math.imul(hash, mix);
  }
  hash = Math.imul(hash ^ (hash >>> 13), mix);
  return (hash ^ (hash >>> 15)) >>> 0;
}
