import { dirname, sep } from 'node:path';

const KERNEL = `${dirname(__dirname)}${sep}child${sep}`;

/** Stack traces in `text` without the part below a cell's own frames. */
export function withoutKernelFrames(text: string): string {
  if (!text.includes(KERNEL)) return text;
  const result: string[] = [];
  let inside = false;
  for (const line of text.split('\n')) {
    const frame = /^\s+at /.test(line);
    inside = frame && (inside || line.includes(KERNEL));
    if (!inside) result.push(line.replace(CELL_FUNCTION, '$1'));
    else closeBracket(result, line);
  }
  return result.join('\n');
}

/** The name that the function around a cell has in traces. */
const CELL_FUNCTION = /(^\s+at )(?:async )?Module\.module\.exports /;

/** `inspect` prints what follows a trace behind its last line: `at … {` or `at …,`. */
function closeBracket(result: string[], line: string): void {
  const tail = /(?:\)|:\d+)([\s\]},{[]+)$/.exec(line);
  const last = result.pop();
  if (last !== undefined) result.push(last + (tail?.[1] ?? ''));
}
