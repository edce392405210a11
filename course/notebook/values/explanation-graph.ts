import type { Explanation } from 'implicit-lab';

const BOX = { width: 150, height: 34, gap: 22, row: 62 };

interface Place {
  x: number;
  y: number;
}

/** The recorded operations of an explanation as a picture: an arrow from each to those that read it. */
export function explanationGraph({ product, steps, edges }: Explanation): string {
  const depths = depthsOf(edges);
  const rows = new Map<number, number>();
  const places = new Map<number, Place>();
  for (const [step, depth] of depths) {
    const column = rows.get(depth) ?? 0;
    rows.set(depth, column + 1);
    const x = BOX.gap + column * (BOX.width + BOX.gap);
    places.set(step, { x, y: BOX.gap + depth * BOX.row });
  }
  const width = BOX.gap + Math.max(...rows.values()) * (BOX.width + BOX.gap);
  const height = BOX.gap + (Math.max(...rows.keys()) + 1) * BOX.row;
  const boxes = [...places].map(([step, place]) =>
    step < 0
      ? box(place, product.at(-1) ?? 'v', 'the vector')
      : box(place, steps[step]!.operation, steps[step]!.shapes),
  );
  const arrows = edges.map(({ from, to }) => arrow(places.get(from)!, places.get(to)!));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#777"/></marker></defs>',
    ...arrows,
    ...boxes,
    '</svg>',
  ].join('');
}

/** The length of the longest path from the vector to each operation; edges come in order. */
function depthsOf(edges: Explanation['edges']): Map<number, number> {
  const depths = new Map([[-1, 0]]);
  for (const { from, to } of edges) {
    depths.set(to, Math.max(depths.get(to) ?? 0, (depths.get(from) ?? 0) + 1));
  }
  return depths;
}

function box({ x, y }: Place, title: string, below: string): string {
  const middle = x + BOX.width / 2;
  return (
    `<rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="4" fill="#f4f6fa" stroke="#777"/>` +
    `<text x="${middle}" y="${y + 15}" font-size="12" text-anchor="middle" fill="#222">${escaped(title)}</text>` +
    `<text x="${middle}" y="${y + 28}" font-size="10" text-anchor="middle" fill="#555">${escaped(below)}</text>`
  );
}

function arrow(from: Place, to: Place): string {
  const [x1, y1] = [from.x + BOX.width / 2, from.y + BOX.height];
  const [x2, y2] = [to.x + BOX.width / 2, to.y - 1];
  const bend = Math.min(60, (y2 - y1) / 2);
  return `<path d="M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}" fill="none" stroke="#777" marker-end="url(#tip)"/>`;
}

const escaped = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
