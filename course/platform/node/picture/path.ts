/** A point of a path, in pixels. */
export interface Point {
  x: number;
  y: number;
}

/** The length of a path of straight lines, as contour lines and arrows are. */
export function pathLength(d: string): number {
  const points = vertices(d);
  return points.reduce((sum, p, i) => (i === 0 ? 0 : sum + distance(points[i - 1]!, p)), 0);
}

/** The point `length` pixels along a path of straight lines. */
export function pointAlong(d: string, length: number): Point {
  const points = vertices(d);
  let left = Math.max(0, length);
  for (let i = 1; i < points.length; i++) {
    const [from, to] = [points[i - 1]!, points[i]!];
    const step = distance(from, to);
    if (left <= step && step > 0) {
      const part = left / step;
      return { x: from.x + part * (to.x - from.x), y: from.y + part * (to.y - from.y) };
    }
    left -= step;
  }
  return points.at(-1) ?? { x: 0, y: 0 };
}

/** The points that a path's absolute commands end in: a curve counts as its chord. */
function vertices(d: string): Point[] {
  const points: Point[] = [];
  let [x, y] = [0, 0];
  for (const [, command, list] of d.matchAll(/([MLHVQCZ])([^MLHVQCZ]*)/g)) {
    const numbers = (list!.match(/-?[\d.]+(?:e-?\d+)?/g) ?? []).map(Number);
    if (command === 'Z' && points.length > 0) points.push(points[0]!);
    const size = { H: 1, V: 1, Q: 4, C: 6 }[command!] ?? 2;
    for (let i = 0; i + size <= numbers.length; i += size) {
      if (command === 'H') x = numbers[i]!;
      else if (command === 'V') y = numbers[i]!;
      else [x, y] = [numbers[i + size - 2]!, numbers[i + size - 1]!];
      points.push({ x, y });
    }
  }
  return points;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
