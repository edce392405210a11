import { encodePng } from './png';

/** What plotly.js uses of a canvas to draw a heat map: filled rectangles, pixels, a PNG. */
export interface PaintedCanvas {
  width: number;
  height: number;
}

/** A drawing surface for heat maps in place of the browser's, whose `toDataURL` is a PNG. */
export class Painter {
  fillStyle = 'rgba(0,0,0,1)';
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;

  constructor(canvas: PaintedCanvas) {
    this.width = canvas.width;
    this.height = canvas.height;
    this.data = new Uint8Array(4 * this.width * this.height);
  }

  fillRect(x: number, y: number, width: number, height: number) {
    const colour = parseColour(this.fillStyle);
    const [left, right] = [x, x + width].sort((a, b) => a - b) as [number, number];
    const [top, bottom] = [y, y + height].sort((a, b) => a - b) as [number, number];
    for (let row = Math.max(0, Math.round(top)); row < Math.min(this.height, bottom); row++) {
      for (
        let column = Math.max(0, Math.round(left));
        column < Math.min(this.width, right);
        column++
      ) {
        this.data.set(colour, 4 * (row * this.width + column));
      }
    }
  }

  createImageData(width: number, height: number) {
    return { width, height, data: new Uint8ClampedArray(4 * width * height) };
  }

  putImageData(image: { data: Uint8ClampedArray }) {
    this.data.set(image.data);
  }

  toDataURL(): string {
    return `data:image/png;base64,${encodePng(this).toString('base64')}`;
  }
}

function parseColour(style: string): number[] {
  const [red = 0, green = 0, blue = 0, opacity = 1] = (style.match(/[\d.]+/g) ?? []).map(Number);
  return [red, green, blue, Math.round(255 * opacity)];
}
