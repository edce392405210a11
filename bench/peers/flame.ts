import { escaped, svgStart, textAt } from './svg';

/** A function as it was called from another one: in how many samples, and what it called. */
export interface Frame {
  name: string;
  /** Where it is. */
  place: string;
  category: string;
  samples: number;
  children: Frame[];
}

const [WIDTH, LEFT, LINE, TOP] = [960, 10, 17, 64];
const INNER = WIDTH - 2 * LEFT;
const MOST_BYTES = 55_000;
/** Of one character, about. */
const CHARACTER = 6.8;

/** Light enough for black letters on a light page and on a dark one. */
const COLOURS = ['#f4a582', '#92c5de', '#fddb8b', '#b8e0b0', '#d9c3e8', '#cccccc'];

/** Where the samples of a profile fall, as SVG: a function below the one that calls it, as wide as its share. */
export function flameGraph(title: string, root: Frame, categories: readonly Category[]): string {
  const start = below(root);
  for (let least = 0.002; ; least *= 1.3) {
    const graph = drawn(title, start, categories, least);
    if (graph.length < MOST_BYTES) return graph;
  }
}

/** A kind of function, with its share of all samples. */
export type Category = readonly [name: string, share: number];

/** The first frame that calls more than one other with a share worth seeing. */
function below(root: Frame): Frame {
  let frame = root;
  for (;;) {
    const only = passesOn(frame);
    if (only === undefined) return frame;
    frame = only;
  }
}

/** What a frame calls in nearly all of its samples. */
const passesOn = ({ children, samples }: Frame): Frame | undefined =>
  children.find((child) => child.samples >= 0.97 * samples);

/** Names that say nothing where what they call is seen. */
const PLUMBING = /^(\(anonymous\)|tidy|f2|e\.runKernel|Engine\..*)$/;

/** A frame, or the first that says something among those which it passes its time on to. */
function telling(frame: Frame): Frame {
  let found = frame;
  for (let only = passesOn(found); only !== undefined && PLUMBING.test(found.name); ) {
    found = only;
    only = passesOn(found);
  }
  return found;
}

function drawn(title: string, root: Frame, categories: readonly Category[], least: number): string {
  const names = categories.map(([name]) => name);
  const boxes: string[] = [];
  let depth = 0;
  const draw = (called: Frame, from: number, level: number) => {
    const frame = telling(called);
    const share = frame.samples / root.samples;
    if (share < least) return;
    depth = Math.max(depth, level);
    const [x, y, width] = [LEFT + from * INNER, TOP + LINE * level, share * INNER];
    const letters = Math.floor((width - 6) / CHARACTER);
    const name = level === 0 ? 'all' : frame.name;
    const words = name.length <= letters ? name : `${name.slice(0, letters - 1)}…`;
    boxes.push(
      `<g><title>${escaped(`${name} ${frame.place}`.trim())}: ${(100 * share).toFixed(1)} %</title><rect class="b c${names.indexOf(frame.category)}" x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, width - 0.5).toFixed(1)}" height="${LINE - 1}"/>${letters < 3 ? '' : `<text class="n" x="${(x + 3).toFixed(1)}" y="${y + 12}">${escaped(words)}</text>`}</g>`,
    );
    let at = from;
    for (const child of frame.children) {
      draw(child, at, level + 1);
      at += child.samples / root.samples;
    }
  };
  draw(root, 0, 0);
  let right = LEFT;
  const legend = categories.map(([name, share], i) => {
    const category = `${name} ${(100 * share).toFixed(0)} %`;
    const x = right;
    right += 30 + 6.4 * category.length;
    return `<rect class="c${i}" x="${x}" y="34" width="12" height="12"/><text class="l" x="${x + 17}" y="44">${escaped(category)}</text>`;
  });
  const style = [
    ...COLOURS.map((colour, i) => `.c${i}{fill:${colour}}`),
    '.n{fill:#111}',
    '.n,.l{font-size:11px}',
  ].join('');
  return `${svgStart(title, WIDTH, TOP + LINE * (depth + 1) + 10)}
<style>${style}</style>
${textAt(LEFT, 22, title, 'start')}
${legend.join('\n')}
${boxes.join('\n')}
</svg>
`;
}
