import { availableParallelism, loadavg } from 'node:os';
import { bestRate, rateGrid, type Spread, spreadOf } from '../../../course/experiments';
import { PALETTE } from '../../../course/notebook';
import { markdownTable, type Panel, writeGrid } from '../grid';
import { Runs } from '../runs';
import type { Profile } from '../study';
import { type Course, reached } from '../train';
import { type ConvexMethod, forget, LARGE, methods } from './methods';
import { type ConvexProblem, type Drawn, problems } from './problems';

/** Processor seconds of a run. */
const BUDGET = { short: 0.2, full: 2 };

/** A method at one value of its number. */
interface AtValue {
  value: number;
  courses: Course[];
  /** To the target, on the rows reported. */
  seconds: Spread;
  /** What is left of the way in the end. */
  left: Spread;
  /** What a value is chosen by, of all seeds. */
  scores: number[];
}

interface Outcome {
  method: ConvexMethod;
  tried: AtValue[];
  best: AtValue;
  interior: boolean;
}

/** On convex problems that are badly scaled, or streams: how fast and how stable is which method? */
export async function convex({ name, seeds }: Profile): Promise<string> {
  const runs = new Runs(`convex-${name}`);
  const results: { problem: ConvexProblem; outcomes: Outcome[] }[] = [];
  for (const problem of problems.filter(({ long }) => !long || name === 'full')) {
    const searching = name === 'full' ? seeds : seeds.slice(0, 1);
    const outcomes = await outcomesOf(problem, { seeds, searching }, BUDGET[name], runs);
    if (outcomes.length > 0) results.push({ problem, outcomes });
    forget();
  }
  await writeGrid(
    'convex.png',
    results.map(panelOf),
    'What is left of the way to the minimiser after the time, by learning rate, on convex problems.',
  );
  return page(results, BUDGET[name], seeds.length);
}

async function outcomesOf(
  problem: ConvexProblem,
  { seeds, searching }: Record<'seeds' | 'searching', number[]>,
  budget: number,
  runs: Runs,
): Promise<Outcome[]> {
  const known = new Map<number, Drawn>();
  const drawn = (seed: number) => {
    if (!known.has(seed)) known.set(seed, problem.draw(seed));
    return known.get(seed)!;
  };
  const warm = new Set<string>();
  const run = async (method: ConvexMethod, value: number, seed: number) => {
    // What is not compiled yet would count as slow.
    if (!warm.has(method.name)) await method.run(problem, drawn(seed), value, budget / 4, seed);
    warm.add(method.name);
    return method.run(problem, drawn(seed), value, budget, seed);
  };
  const at = async (
    method: ConvexMethod,
    value: number,
    some: readonly number[],
  ): Promise<AtValue> => {
    const courses: Course[] = [];
    for (const seed of some) {
      const key = [problem.name, method.name, value, seed].join(' | ');
      courses.push(await runs.get(key, () => run(method, value, seed)));
    }
    const left = spreadOf(courses.map(endOf));
    console.log(problem.name, method.name, value, left.middle, `load ${loadavg()[0]!.toFixed(0)}`);
    return {
      value,
      courses,
      seconds: spreadOf(
        courses.map((course) => reached(course, problem.target)?.seconds ?? Infinity),
      ),
      left,
      scores: courses.map((course) => score(course, problem.target, budget)),
    };
  };
  const outcomes: Outcome[] = [];
  // The seeds are those of the data; contenders take turns, so that all see the same load.
  const found = new Map<ConvexMethod, AtValue[]>(methods.map((method) => [method, []]));
  const most = Math.max(...methods.map(({ values }) => values.length));
  for (let i = 0; i < most; i++) {
    for (const method of methods) {
      const value = method.values[i];
      const some = method.called === 'rate' ? searching : seeds;
      if (value !== undefined) found.get(method)!.push(await at(method, value, some));
    }
  }
  for (const [method, seen] of found) {
    const tried = seen.filter(({ courses }) => courses.every(({ steps }) => steps.length > 0));
    if (tried.length < seen.length) continue;
    let choice = chosen(tried);
    if (method.called === 'rate') {
      // The best with its neighbours, a factor √10 away, from all seeds.
      for (const value of rateGrid(choice.rate / 3.3, choice.rate * 3.3)) {
        const old = tried.findIndex((one) => one.value === value);
        tried.splice(Math.max(old, 0), old < 0 ? 0 : 1, await at(method, value, seeds));
      }
      tried.sort((a, b) => a.value - b.value);
      if (tried.some(({ courses }) => courses.some(({ steps }) => steps.length === 0))) continue;
      const whole = tried.filter(({ courses }) => courses.length === seeds.length);
      const rate = chosen(whole).rate;
      const index = tried.findIndex(({ value }) => value === rate);
      choice = { rate, at: index, interior: index > 0 && index < tried.length - 1 };
    }
    outcomes.push({ method, tried, best: tried[choice.at]!, interior: choice.interior });
  }
  return outcomes;
}

const chosen = (tried: AtValue[]) =>
  bestRate(
    tried.map(({ value }) => value),
    tried.map(({ scores }) => scores),
  );

/** On the rows held out: seconds to the target, or more than that by how much is left. */
function score(course: Course, target: number, budget: number): number {
  const seconds = reached(course, target, 'validation')?.seconds;
  return seconds ?? 1e3 * budget * (1 + (course.diverged ? Infinity : course.validation.at(-1)!));
}

const endOf = ({ losses, diverged }: Course) => (diverged ? Infinity : losses.at(-1)!);

const drawnLines: Record<string, { colour: string; dash?: string }> = {
  implicitGLM: { colour: PALETTE[0]! },
  'implicitGLM, averaged': { colour: PALETTE[0]!, dash: 'dot' },
  'implicitSGD(δ)': { colour: PALETTE[5]! },
  "implicitSGD('auto')": { colour: PALETTE[5]!, dash: 'dash' },
  "implicitAdam('auto')": { colour: PALETTE[1]!, dash: 'dash' },
  SGD: { colour: PALETTE[6]! },
  AdaGrad: { colour: PALETTE[3]! },
  Adam: { colour: PALETTE[2]! },
  momentum: { colour: PALETTE[4]! },
};

const panelOf = ({
  problem,
  outcomes,
}: {
  problem: ConvexProblem;
  outcomes: Outcome[];
}): Panel => ({
  title: problem.name,
  xaxis: { title: 'rate, or first δ', type: 'log', dtick: 2, range: [-4.2, 4.2] },
  yaxis: {
    title: 'left of the way',
    type: 'log',
    dtick: 1,
    range: [-3, 3],
    exponentformat: 'power',
  },
  lines: outcomes
    .filter(({ method }) => method.name in drawnLines)
    .map(({ method, tried }) => {
      const inside = (value: number) => (Number.isFinite(value) ? Math.max(1e-3, value) : null);
      return {
        name: method.name,
        ...drawnLines[method.name]!,
        x: tried.map(({ value }) => value),
        y: tried.map(({ left }) => inside(left.middle)),
        low: tried.map(({ left }) => inside(left.low)),
        high: tried.map(({ left }) => inside(left.high)),
        mode: 'lines+markers',
      };
    }),
});

function page(
  results: { problem: ConvexProblem; outcomes: Outcome[] }[],
  budget: number,
  seeds: number,
): string {
  const sections = results.map(({ problem, outcomes }) => {
    const rows = outcomes.flatMap(({ method, tried, best, interior }) => {
      const isStable = ({ left }: AtValue) => left.high < 1;
      const stable = `${tried.filter(isStable).length} of ${tried.length}`;
      const said = method.called === 'pairs' || interior || method.untuned ? '' : ' (edge)';
      return (method.untuned ? tried : [best]).map((one, i) => ({
        method: method.name,
        'goes by': method.by,
        value: `${method.called === 'rate' ? '' : `${method.called} `}${one.value}${said}`,
        'seconds to the target': shown(one.seconds),
        steps: count(one.courses.map(({ steps }) => steps.at(-1)!)),
        'left in the end': shown(one.left),
        'values that end below the start': i === 0 ? stable : '',
      }));
    });
    return `### ${problem.name}: ${problem.words}

Target: ${problem.target} of the way left.

${markdownTable(rows)}`;
  });
  return `![What is left, by learning rate](convex.png)

“Left of the way” is the loss less that of the minimiser on the training rows (Newton’s method, double precision), over the same at θ = 0: 1 at the start, below it where rows that were not trained on favour a smaller θ. ${budget} s of one processor a run, the steps alone, or less where the target was reached, or where a quarter of it had led above the start; ${seeds} seeds of data and order, median (least … largest). Every method with a rate is run at all decades from 10⁻⁴ to 10⁴, in the short profile with the first seed; the best of them and the rates a factor √10 beside it with all, and the best of these three is the one that is reported, chosen by seconds to the target on rows held out (by what is left, where it was not reached), reported on others. What goes by sample is plain TypeScript in double precision, with rates that fall as 1/√t (AdaGrad’s by themselves); what goes by batch (500 rows, 50 of Ionosphere; a large one is ${LARGE.toLocaleString('en')} rows, which are all but on the stream) is float32 tensors, wasm on one thread, Gauss–Newton products, which here are the Hessian’s; L-BFGS takes all rows in double precision. “Preconditioned” gives CG the diagonal 1/(1 + δhⱼ), hⱼ the mean square of feature j times the curvature at 0. A value “ends below the start” if all seeds that it was run with do. Load of the machine while it was written: ${loadavg()[0]!.toFixed(0)} on ${availableParallelism()} cores; seconds are too large by what shared caches cost, for all rows alike.

${sections.join('\n\n')}`;
}

const count = (values: number[]) => String(spreadOf(values).middle);

function shown({ low, middle, high }: Spread): string {
  if (!Number.isFinite(middle)) return Number.isFinite(low) ? `never (${number(low)} …)` : 'never';
  return `${number(middle)} (${number(low)} … ${Number.isFinite(high) ? number(high) : '∞'})`;
}

const number = (value: number) =>
  Math.abs(value) >= 1000 ? value.toExponential(0) : String(Number(value.toPrecision(2)));
