import { Resvg } from '@resvg/resvg-js';
import { describe, expect, it } from 'vitest';
import { encodeOpaquePng, encodePng, type Pixels } from './png';

/** The pixels of a PNG as another program reads them. */
function decode(png: Buffer, { width, height }: Pixels): Uint8Array {
  const href = `data:image/png;base64,${png.toString('base64')}`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><image width="${width}" height="${height}" style="image-rendering: optimizeSpeed" href="${href}"/></svg>`;
  return new Uint8Array(new Resvg(svg).render().pixels);
}

function picture(
  width: number,
  height: number,
  colour: (x: number, y: number) => number[],
): Pixels {
  const data = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(colour(x, y), 4 * (y * width + x));
  }
  return { data, width, height };
}

const colourType = (png: Buffer) => png[25];
const meanError = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!) / a.length, 0);

describe('encodePng', () => {
  it('keeps colours and opacity', () => {
    const pixels = picture(5, 3, (x, y) => (x === 2 ? [0, 0, 0, 0] : [50 * x, 80 * y, 7, 255]));
    expect(decode(encodePng(pixels), pixels)).toEqual(pixels.data);
  });
});

describe('encodeOpaquePng', () => {
  it('keeps every colour of a picture of few, in a palette', () => {
    const pixels = picture(40, 30, (x, y) => [x * 6, y > 10 ? 255 : 0, 128, 255]);
    const png = encodeOpaquePng(pixels);
    expect(colourType(png)).toBe(3);
    expect(decode(png, pixels)).toEqual(pixels.data);
  });

  it('gives rare shades their nearest neighbour', () => {
    const pixels = picture(200, 200, (x, y) =>
      y === 0 ? [x, x, 255 - x, 255] : y === 1 ? [x, 255, x, 255] : [255, 255, 255, 255],
    );
    const png = encodeOpaquePng(pixels);
    expect(colourType(png)).toBe(3);
    const error = meanError(decode(png, pixels), pixels.data);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(1);
  });

  it('keeps the colours of a smooth picture of many', () => {
    const pixels = picture(64, 64, (x, y) => [4 * x, 4 * y, 2 * (x + y), 255]);
    const png = encodeOpaquePng(pixels);
    expect(colourType(png)).toBe(2);
    expect(decode(png, pixels)).toEqual(pixels.data);
  });
});
