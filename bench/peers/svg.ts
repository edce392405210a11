/**
 * The start of a figure: its size, its title, and colours for a light and a dark page. Classes are
 * `paper`, `ink`, `grid`, and for the systems `s0`, `s1`, … (lines) and `f0`, `f1`, … (areas).
 */
export function svgStart(title: string, width: number, height: number): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="13">
<title>${escaped(title)}</title>
<style>
${rules(LIGHT)}
@media (prefers-color-scheme: dark) {
${rules(DARK)}
}
</style>
<rect class="paper" width="100%" height="100%"/>`;
}

interface Palette {
  paper: string;
  ink: string;
  grid: string;
  systems: readonly string[];
}

const LIGHT: Palette = {
  ...{ paper: '#ffffff', ink: '#1a1a1a', grid: '#dddddd' },
  systems: ['#1a1a1a', '#1f77b4', '#d62728', '#2ca02c', '#9467bd', '#ff7f0e'],
};

const DARK: Palette = {
  ...{ paper: '#16181c', ink: '#e6e6e6', grid: '#3a3d44' },
  systems: ['#e6e6e6', '#6cb2eb', '#ff7b7b', '#6fd06f', '#c3a3e8', '#ffb066'],
};

const rules = ({ paper, ink, grid, systems }: Palette): string =>
  [
    `.paper{fill:${paper}}`,
    `text{fill:${ink}}`,
    `.ink{stroke:${ink}}`,
    `.grid{stroke:${grid}}`,
    ...systems.flatMap((colour, i) => [
      `.s${i}{stroke:${colour};fill:none}`,
      `.f${i}{fill:${colour}}`,
    ]),
  ].join('\n');

/** Words as XML has them. */
export const escaped = (words: string) =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export const textAt = (
  x: number | string,
  y: number | string,
  words: string,
  anchor: 'start' | 'middle' | 'end' = 'middle',
) =>
  `<text x="${x}" y="${y}"${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}>${escaped(words)}</text>`;
