import { type Spread, spreadOf } from '../../../course/experiments';
import { type Line, markdownTable, type Panel, writeGrid } from '../grid';
import type { Profile } from '../study';
import { secondsTo } from './course';
import { inFloat32, methods } from './methods';
import { type Pinn, poisson, reactionDiffusion } from './problems';
import { endOf, outcomesOf, type PinnOutcome, SEEDS } from './study';

/** Processor seconds of a run. */
const BUDGET = { short: 4, full: 30 };

/**
 * Differential equations learnt by tanh networks: which method has the least error, by the second?
 */
export async function pinn({ name }: Profile): Promise<string> {
  const budget = BUDGET[name];
  const results: { problem: Pinn; outcomes: PinnOutcome[] }[] = [];
  for (const problem of [reactionDiffusion(), poisson()]) {
    const contenders = problem.name === 'Poisson' ? [...methods, ...inFloat32] : methods;
    results.push({ problem, outcomes: await outcomesOf(problem, contenders, budget) });
  }
  await writeGrid(
    'pinn.png',
    results.map(({ problem, outcomes }) => panelOf(problem, outcomes, budget)),
    'Relative L² error by processor time, of each method at its best setting; median of three seeds.',
  );
  return page(results, budget);
}

/** Networks of a thousand parameters and more, and processor seconds of a run; written down before the runs. */
const WIDE = [
  { make: () => reactionDiffusion(40), budget: { short: 10, full: 100 } },
  { make: () => poisson(30), budget: { short: 12, full: 200 } },
];
/** Of the methods above, those that were ahead at the smaller size, with Levenberg–Marquardt from δ = 1 alone. */
const COMPARED = ['Levenberg–Marquardt', 'L-BFGS', 'Adam, then L-BFGS', 'Adam'];

/**
 * The same with networks of one to two thousand parameters, where a direct solve costs many gradients:
 * is it still ahead?
 */
export async function pinnWide({ name }: Profile): Promise<string> {
  const contenders = COMPARED.map((name) => methods.find((method) => method.name === name)!).map(
    (method) => (method.untuned ? { ...method, values: [1] } : method),
  );
  const sections: string[] = [];
  for (const { make, budget } of WIDE) {
    const problem = make();
    const outcomes = await outcomesOf(problem, contenders, budget[name]);
    if (outcomes.length === 0) continue;
    sections.push(
      `${sectionOf({ problem, outcomes })}\n\n${budget[name]} s of one processor a run.`,
    );
  }
  return `The same methods and rules with wider networks, ${SEEDS.length} seeds; Levenberg–Marquardt from δ = 1 alone. A problem or a method that is missing was not run.

${sections.join('\n\n')}`;
}

function panelOf(problem: Pinn, outcomes: PinnOutcome[], budget: number): Panel {
  return {
    title: `${problem.name}, ${problem.network.size} parameters`,
    xaxis: { title: 'processor time (s)', type: 'log', range: [-1.4, Math.log10(budget) + 0.05] },
    yaxis: { title: 'relative L² error', type: 'log', exponentformat: 'power', dtick: 1 },
    lines: outcomes
      .filter(({ method, value }) => !method.untuned || value === 1)
      .map(lineOf(budget)),
  };
}

/** Medians of the seeds at common times, each seed's error being the one it was last seen with. */
const lineOf =
  (budget: number) =>
  ({ method, courses }: PinnOutcome): Line => {
    const times = Array.from({ length: 25 }, (_, i) => budget * 0.01 ** (1 - i / 24));
    const at = (time: number) =>
      spreadOf(
        courses.map(({ seconds, test }) => {
          const seen = seconds.filter((second) => second <= time * 1.05).length;
          return test[Math.max(0, seen - 1)]!;
        }),
      ).middle;
    return {
      name: method.name,
      colour: method.colour,
      ...(method.dash && { dash: method.dash }),
      x: times,
      y: times.map(at).map((error) => (error < 10 ? error : null)),
    };
  };

const TARGETS = [1e-2, 1e-3, 1e-4, 1e-5];

function page(results: { problem: Pinn; outcomes: PinnOutcome[] }[], budget: number): string {
  const sections = results.map(sectionOf);
  return `![Error by processor time](pinn.png)

${budget} s of one processor for each run, ${SEEDS.length} seeds: median (least … largest). Rates are a factor of √10 apart, extended until the best has two others on each side. They are chosen by the error on 400 random points with a seed of its own; reported are the errors on a grid with the other seeds. Adam’s rate follows a cosine over the run; “Adam, then L-BFGS” switches after a fifth of the time and keeps 100 pairs. “Fixed δ” solves (I + δJᵀJ) s = Jᵀr with the same δ at every step; CG takes at most 100 iterations, to 10⁻³, with the Jacobian stored. Levenberg–Marquardt is \`levenbergMarquardt\` with its defaults, from three first δ, none of them tuned. Everything is float64, with the same derivatives, evaluated in the same way, except the rows marked “float32 tensors” (wasm with OpenBLAS, one thread). Evaluation is not counted.

${sections.join('\n\n')}`;
}

function sectionOf({ problem, outcomes }: { problem: Pinn; outcomes: PinnOutcome[] }): string {
  const rows = outcomes.map((outcome) => ({
    method: outcome.method.name,
    setting: `${outcome.method.tuned} = ${outcome.value}${outcome.interior ? '' : ' (edge)'}`,
    'error after the time': shown(endOf(outcome), 2),
    steps: String(spreadOf(outcome.courses.map(({ steps }) => steps.at(-1)!)).middle),
    ...Object.fromEntries(
      TARGETS.map((target) => [
        `s to ${power(target)}`,
        shown(spreadOf(outcome.courses.map((course) => secondsTo(course, target))), 2),
      ]),
    ),
  }));
  const tuned = outcomes
    .filter(({ method }) => method.first !== undefined)
    .map(({ method, tried }) => {
      const list = tried.map(({ value, validation }) => `${value}: ${number(validation, 2)}`);
      return `${method.name}, ${method.tuned}: ${list.join(', ')}.`;
    });
  const words =
    tuned.length === 0
      ? ''
      : `\n\nSettings tried with the seed of the choice, and their validation errors. ${tuned.join(' ')}`;
  return `### ${problem.name}: ${problem.words}

tanh network ${problem.network.sizes.join('-')} of ${problem.network.size} parameters, ${problem.residuals} residuals.

${markdownTable(rows)}${words}`;
}

const shown = ({ low, middle, high }: Spread, digits: number) =>
  Number.isFinite(middle)
    ? `${number(middle, digits)} (${number(low, digits)} … ${Number.isFinite(high) ? number(high, digits) : 'never'})`
    : 'never';

function number(value: number, digits: number): string {
  if (!Number.isFinite(value)) return 'diverged';
  const short = Number(value.toPrecision(digits));
  return short < 1e-3 ? short.toExponential() : String(short);
}

const power = (value: number) =>
  `10${[...String(Math.round(Math.log10(value)))].map((c) => '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'['-0123456789'.indexOf(c)]).join('')}`;
