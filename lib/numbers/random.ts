import { InputError } from '../errors';
import { checkCount, checkNoMore } from '../options';

/** A stream of pseudo-random numbers: the same seed gives the same numbers on every machine. */
export interface Random {
  /** A number drawn uniformly from [0, 1), with all 53 bits random. */
  uniform(): number;
  /** A number drawn from the normal distribution of mean 0 and variance 1. */
  normal(): number;
  /** A whole number drawn uniformly from 0 … `below` − 1. */
  integer(below: number): number;
  /** `count` normal numbers. */
  normals(count: number): Float64Array;
  /** The numbers 0 … `count` − 1 in a random order. */
  permutation(count: number): Uint32Array;
}

const TWO_32 = 2 ** 32;

/**
 * A seeded stream of random numbers, independent of `Math.random`.
 *
 * Neighbouring seeds give unrelated streams, so `random(epoch)` is a fair shuffle for each epoch.
 * The generator is xoshiro128** with a period of 2¹²⁸ − 1; not for secrets.
 *
 * @param seed a whole number from 0 to 2⁵³ − 1
 * @throws InputError if the seed is not such a whole number, or a count asked of the stream is not one from
 *   0 to 2³², or 1 for `integer`
 *
 * @see Blackman and Vigna, [Scrambled linear pseudorandom number
 *   generators](https://arxiv.org/abs/1805.01407), 2021; for the normal numbers Marsaglia and Bray,
 *   [A convenient method for generating normal variables](https://doi.org/10.1137/1006063), 1964.
 */
export function random(seed: number): Random {
  checkNoMore('random', arguments, 1);
  checkCount(seed, 'a seed of', {
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    remedy: 'Pass a whole number.',
  });
  const next = xoshiro128(seedState(seed));
  let spare: number | undefined;

  const uniform = () => {
    const high = next() >>> 5;
    const low = next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  };

  const normal = () => {
    if (spare !== undefined) {
      const value = spare;
      spare = undefined;
      return value;
    }
    let u: number;
    let v: number;
    let square: number;
    do {
      u = 2 * uniform() - 1;
      v = 2 * uniform() - 1;
      square = u * u + v * v;
    } while (square >= 1 || square === 0);
    const scale = Math.sqrt((-2 * Math.log(square)) / square);
    spare = v * scale;
    return u * scale;
  };

  const integer = (below: number) => {
    checkCount(below, 'an upper limit of', {
      least: 0,
      most: TWO_32,
      remedy: 'Pass a whole number.',
    });
    if (below === 0) {
      throw new InputError({
        given: 'an upper limit of 0',
        expected: 'an upper limit of at least 1',
        remedy: 'The range from 0 to −1 has no whole number to draw.',
      });
    }
    // Draws from the incomplete last block would favour small numbers, so they are thrown back.
    const fair = TWO_32 - (TWO_32 % below);
    let draw: number;
    do {
      draw = next();
    } while (draw >= fair);
    return draw % below;
  };

  return {
    uniform,
    normal,
    integer,
    normals(count) {
      checkCount(count, 'a count of', { least: 0, most: TWO_32, remedy: 'Pass a whole number.' });
      return Float64Array.from({ length: count }, normal);
    },
    permutation(count) {
      checkCount(count, 'a count of', { least: 0, most: TWO_32, remedy: 'Pass a whole number.' });
      const order = Uint32Array.from({ length: count }, (_, i) => i);
      for (let i = count - 1; i > 0; i--) {
        const j = integer(i + 1);
        const swapped = order[i]!;
        order[i] = order[j]!;
        order[j] = swapped;
      }
      return order;
    },
  };
}

/** xoshiro128**: 32 random bits per call, as a number from 0 to 2³² − 1. */
export function xoshiro128(state: Uint32Array): () => number {
  const s = Uint32Array.from(state);
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = rotateLeft(s[3]!, 11);
    return result;
  };
}

/** Four well mixed words from one seed (the finalizer of MurmurHash3 along a Weyl sequence). */
function seedState(seed: number): Uint32Array {
  const low = seed >>> 0;
  const high = Math.floor(seed / TWO_32);
  return Uint32Array.from({ length: 4 }, (_, i) =>
    mix(mix(low + Math.imul(i + 1, 0x9e3779b9)) ^ mix(high + i)),
  );
}

function mix(word: number): number {
  let z = word | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
