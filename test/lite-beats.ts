/** Loops by which the cost of beats is measured: each returns a number, and takes some hundredths of a second. */
const LOOPS: Readonly<Record<string, string>> = {
  'a sum over an array':
    'let s = 0; for (let r = 0; r < 30; r++) for (let i = 0; i < a.length; i++) s += a[i]; return s;',
  'a matrix product':
    'const n = 200; let s = 0; for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) { let c = 0; for (let k = 0; k < n; k++) c += a[i * n + k] * a[k * n + j]; s += c; } return s;',
  'a step of an ODE, by a function':
    'const f = (y = 0) => -y; let y = 1; for (let i = 0; i < 5e6; i++) y += 1e-6 * f(y); return y;',
  'a while loop': 'let x = 0; while (x < 2e7) x += 1; return x;',
  'a loop over a shared variable':
    'const box = { total: 0 }; for (const x of a) box.total += x; return box.total;',
  'map and reduce': 'return a.map((x) => 2 * x).reduce((s, x) => s + x, 0);',
  recursion:
    'function fib(n = 0) { let sum = n; if (n > 1) sum = fib(n - 1) + fib(n - 2); return sum; } return fib(27);',
};

/**
 * A cell whose value holds, for each loop, the time with beats in units of that without: the medians of nine runs
 * each, in turns. Texts that a cell evaluates have no beats.
 */
export const BEATS_CELL = `type Loop = (a: Float64Array) => number;
const a = Float64Array.from({ length: 1e6 }, (_, i) => i % 7);
const beating: Record<string, Loop> = { ${Object.entries(LOOPS)
  .map(([name, body]) => `${JSON.stringify(name)}: function (a: Float64Array) { ${body} }`)
  .join(',\n')} };
const plain: Record<string, Loop> = { ${Object.entries(LOOPS)
  .map(
    ([name, body]) => `${JSON.stringify(name)}: new Function('a', ${JSON.stringify(body)}) as Loop`,
  )
  .join(',\n')} };
const timed = (f: Loop) => { const t = performance.now(); f(a); return performance.now() - t; };
const middle = (all: number[]) => all.sort((x, y) => x - y)[all.length >> 1];
const ratios: Record<string, number[]> = {};
for (const name of Object.keys(plain)) {
  const runs = { beating: [] as number[], plain: [] as number[] };
  for (let i = 0; i < 11; i++) {
    const times = [timed(beating[name]!), timed(plain[name]!)];
    if (i > 1) { runs.beating.push(times[0]!); runs.plain.push(times[1]!); }
  }
  ratios[name] = [middle(runs.beating), middle(runs.plain)];
}
JSON.stringify(ratios)`;
