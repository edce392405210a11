import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import * as library from '..';
import type { Solution, SolverStatus } from '.';

const page = readFileSync(join(__dirname, 'README.md'), 'utf8');
const section = page.slice(
  page.indexOf('## My solver does not converge'),
  page.indexOf('## Curvature tools'),
);
const code = [...section.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code!).join('\n');

type Names = Record<string, Solution<Float64Array>>;
let solutions: Names;

/** Runs the page's examples as one program, and returns everything they declare. */
async function run(): Promise<Names> {
  const declared = [...code.matchAll(/^const (?:\{ (\w+) \}|(\w+)) =/gm)].map(([, a, b]) => a ?? b);
  const body = code.replace(/^import (\{[^}]*\}) from 'implicit-lab';/m, 'const $1 = library;');
  const program = `return (async () => { ${body}; return { ${declared.join(', ')} }; })();`;
  return new Function('library', program)(library);
}

beforeAll(async () => {
  solutions = await run();
});

it('has a part for every status, and an example that ends with it', () => {
  const all: Record<SolverStatus, true> = {
    converged: true,
    'max-iterations': true,
    'negative-curvature': true,
    diverged: true,
  };
  const statuses = Object.values(solutions).map(({ status }) => status);
  for (const status of Object.keys(all)) {
    expect(section).toContain(`### \`${status}\``);
    expect(statuses).toContain(status);
  }
});

it.each<[SolverStatus, string[]]>([
  ['converged', ['loose', 'tight', 'enough', 'damped', 'suited', 'solved', 'shifted', 'found']],
  ['max-iterations', ['few', 'nearest', 'unsuited', 'safe']],
  ['negative-curvature', ['refused']],
  ['diverged', ['lost', 'tooLong']],
])('the examples of %s end as the page has it', (status, names) => {
  const ended = Object.fromEntries(names.map((name) => [name, solutions[name]!.status]));
  expect(ended).toEqual(Object.fromEntries(names.map((name) => [name, status])));
});

it('the numbers in its comments are right', () => {
  const { tight, loose, nearest, safe, exact } = solutions;
  [1, 2e3, 1e4].forEach((x, i) => {
    expect(tight!.value[i]! / x).toBeCloseTo(1, 6);
  });
  expect(loose!.value[2]).toBeLessThan(11);
  expect(nearest!.residualNorm).toBeCloseTo(3, 8);
  for (const i of [0, 1, 2]) expect(safe!.value[i]).toBeCloseTo(exact!.value[i]!, 8);
});
