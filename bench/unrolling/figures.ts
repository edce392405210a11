import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FigureOptions, type Layout, PALETTE, type Trace } from '../../course/notebook';
import { figureBundle } from '../../course/notebook/figure';
import { chebyshev, gradientDescent, type Method, sobolev } from '../../lib/methods';
import { logisticRegression, ridgeRegression, type SolvedProblem } from '../../lib/problems';
import { burnIn, unroll } from '../../lib/unrolling';
import { measuredBurnIn } from './burn-in';
import { networkErrors, networkMethods } from './network';
import { type Curve, type PanelOptions, panels, type Row } from './panels';
import { diagonalProblem, digits, farStart, spectra } from './problems';

const FOLDER = join(__dirname, '..', 'results', 'unrolling');
const [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY] = PALETTE as string[];

/** A method with a colour of its own, the same in every figure. */
interface Drawn {
  name: string;
  method: Method;
  colour: string;
  dash?: string;
  /** The step from which it is differentiated; 0 unless given. */
  from?: number;
}

const slow = { name: 'GD 1/L', method: gradientDescent({ step: '1/L' }), colour: SKY! };
const fast = { name: 'GD 2/(L+μ)', method: gradientDescent({ step: '2/(L+mu)' }), colour: BLUE! };
const accelerated = { name: 'Chebyshev', method: chebyshev(), colour: VERMILION! };
const sobolevs = { name: 'Sobolev', method: sobolev(), colour: GREEN! };
const late = (drawn: Drawn, from: number): Drawn => ({
  ...drawn,
  name: `${drawn.name} from ${from}`,
  dash: 'dot',
  from,
});

/** One figure of the page: its file, its name, and what it shows with its numbers. */
interface Entry {
  file: string;
  title: string;
  words: string;
}

/** Draws the figures of the burn-in, and the page that says what they show. */
export async function figures(): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  const entries = [
    await spectraFigure(),
    await ridgeFigure(),
    await predictionFigure(),
    await beyondFigure(),
  ];
  writeFileSync(join(FOLDER, 'README.md'), page(entries));
  console.log(
    `\nWritten to bench/results/unrolling: ${entries.map(({ file }) => file).join(', ')}`,
  );
}

function page(entries: Entry[]): string {
  const sections = entries.map(
    ({ file, title, words }) => `## ${title}\n\n![${title}](${file})\n\n${words}\n`,
  );
  return `# The curse of unrolling, in pictures

While the iterates approach the solution, the error of their Jacobian can rise far above its initial value; how far depends on the method, the spectrum and the start. All errors are relative to those at the start, where \`∂x₀ = 0\`: above 1 (shaded), the Jacobian of the unrolled iterate is further from that of the solution than 0 is. [lib/unrolling](../../../lib/unrolling/README.md) explains why this happens, and lesson 13 does so step by step. The page and its numbers are written by \`npm run bench -- unrolling figures\`.

${sections.join('\n')}`;
}

async function spectraFigure(): Promise<Entry> {
  const list = [slow, fast, accelerated, late(accelerated, 10), sobolevs];
  const rows = ['uniform', 'crowded at L', 'crowded at μ'].map((name) => ({
    title: `Eigenvalues ${name}`,
    curves: curvesOf(list, diagonalProblem(spectra[name]!), 100),
  }));
  return panelFigure('spectra.png', 'Quadratics with chosen spectra', rows, {
    range: { iterate: [-4, 0.3], jacobian: [-2.5, 2] },
    words:
      'Quadratics with 100 eigenvalues in [.01, 1], x₀ − x* = 10 in every coordinate, H′ = I. The error of every iterate falls from the first step on; that of its Jacobian does not. Chebyshev “from 10” differentiates only the steps from step 10 on. On the spectrum crowded at μ the Sobolev iteration rises too: no method is monotone on every spectrum.',
  });
}

async function ridgeFigure(): Promise<Entry> {
  const list = [slow, fast, accelerated, late(accelerated, 20), sobolevs];
  const { X, labels } = digits(500, 1);
  const y = labels.map((label) => 2 * label - 1);
  const starts = { 'from x₀ = 0': undefined, 'from a far start': farStart(50) };
  const rows = Object.entries(starts).map(([where, start]) => ({
    title: `Ridge regression ${where}`,
    curves: curvesOf(
      list,
      ridgeRegression({ X, y, lambda: 0.01, ...(start ? { start } : {}) }),
      150,
    ),
  }));
  return panelFigure('ridge.png', 'Ridge regression on real data', rows, {
    range: { iterate: [-4, 0.3], jacobian: [-3, 1.6] },
    words:
      'Threes against eights of MNIST (500 digits averaged over 4 × 4 pixels, 50 features, λ = .01; data: see data/README.md). From x₀ = 0, on these raw pixels, **no method shows the curse**: the error is (P − sP′)(H) H⁻¹x*, and H⁻¹x* is concentrated on the small eigenvalues, where the factor falls; it is almost zero on the large ones, where the factor rises. This is a property of these features: once they are standardised, some methods show the curse from 0 (lesson 13 has the table, for two pairs of digits and three draws). From a far start (normal weights of size 3) the same problem shows it with every method, less with Sobolev, and least where Chebyshev’s method is differentiated late.',
  });
}

async function predictionFigure(): Promise<Entry> {
  const kappas = [10, 100, 1000, 10_000];
  const list: (Drawn & { law: string })[] = [
    { ...fast, law: 'κ/e' },
    { ...accelerated, law: '4e⁻²κ' },
    { name: 'GD √2/L', method: gradientDescent({ step: 'sqrt2/L' }), colour: ORANGE!, law: '1' },
  ];
  const measured = list.map((drawn) =>
    kappas.map((kappa) => measuredBurnIn(drawn.method, 1 / kappa)),
  );
  const fine = Array.from({ length: 25 }, (_, i) => 10 ** (1 + i / 8));
  const traces: Trace[] = list.flatMap(({ name, method, colour, law }, k) =>
    (['peakHeight', 'peakStep'] as const).flatMap((of, column) => {
      const axes = column === 0 ? {} : { xaxis: 'x2', yaxis: 'y2' };
      const predicted = fine.map((kappa) => burnIn(method, { mu: 1 / kappa, L: 1 })[of]);
      const points = measured[k]!.map((one) => (of === 'peakHeight' ? one.height : one.step));
      // Where the bound never rises there is no step of a peak, and nothing to draw on a log axis.
      if (of === 'peakStep' && points.every((step) => step === 0)) return [];
      return [
        {
          x: fine,
          y: predicted,
          mode: 'lines',
          name: of === 'peakHeight' ? `${name}: ${law}` : name,
          line: { color: colour, width: 2.2 },
          ...axes,
        },
        { x: kappas, y: points, mode: 'markers', marker: { color: colour, size: 9 }, ...axes },
      ];
    }),
  );
  const layout: Layout = {
    width: 960,
    height: 400,
    xaxis: { title: 'condition number κ = L/μ', type: 'log', domain: [0, 0.36], dtick: 1 },
    yaxis: { title: 'highest error of the Jacobian (relative)', type: 'log', dtick: 1 },
    xaxis2: {
      title: 'condition number κ = L/μ',
      type: 'log',
      domain: [0.6, 1],
      dtick: 1,
      anchor: 'y2',
    },
    yaxis2: { title: 'step at which it is reached', type: 'log', dtick: 1, anchor: 'x2' },
  };
  const said = list.map(
    ({ name }, k) =>
      `${name} ${measured[k]!.map(({ height }) => Number(height.toPrecision(4))).join(', ')}`,
  );
  return save('prediction.png', 'The burn-in, predicted and measured', traces, layout, {
    labels: 'ends',
    words: `Lines: the prediction of \`burnIn\` from the residual polynomial alone. Points: measured by unrolling on a quadratic whose initial error is all at the predicted eigenvalue, for κ = L/μ = ${kappas.join(', ')}. Measured heights: ${said.join('; ')}. The fastest gradient descent rises to κ/e after κ/2 steps, Chebyshev's method higher but sooner, after about √κ; in this problem, which starts from 0, nothing rises with step √2/L (from a far start it does).`,
  });
}

async function beyondFigure(): Promise<Entry> {
  const { X, labels } = digits(500, 1);
  const logistic = logisticRegression({ X, y: labels, lambda: 0.01, start: farStart(50) });
  const colours = [GREY, PURPLE, ORANGE, VERMILION];
  const networks = [];
  for (const [i, [name, method]] of networkMethods.entries()) {
    networks.push({ name, colour: colours[i]!, ...(await networkErrors(method, 1)) });
  }
  const rows = [
    {
      title: 'Logistic regression from a far start',
      curves: curvesOf([slow, fast], logistic, 600),
    },
    { title: 'A network with 4 tanh units', curves: networks },
  ];
  return panelFigure('beyond-quadratics.png', 'Beyond quadratics', rows, {
    range: { iterate: [-4, 0.3], jacobian: [-2, 1.6] },
    words:
      'Threes against eights again, with the logistic loss. There is a burn-in, though no residual polynomial describes it. The network starts from normal weights of size .45 and .5, which is large, and is compared with the minimum that each method reaches; from weights a tenth as large it shows no burn-in, except with the last method (`npm run bench -- unrolling network`). Adam with a small ε is a special case: as its gradients vanish, its step divided by √v + ε becomes larger than the curvature allows. Every few hundred steps this moves the weights off a little, and their Jacobian a great deal.',
  });
}

function curvesOf(list: Drawn[], problem: SolvedProblem, steps: number): Curve[] {
  return list.map(({ method, from = 0, ...drawn }) => {
    const { errors } = unroll(method, problem, { steps, from });
    const relative = (values: number[]) => values.map((value) => value / values[0]!);
    return { ...drawn, iterate: relative(errors.iterate), jacobian: relative(errors.jacobian) };
  });
}

/** A figure of two panels a row, with the highest errors in its words. */
function panelFigure(
  file: string,
  title: string,
  rows: Row[],
  { words, ...options }: PanelOptions & { words: string },
): Promise<Entry> {
  const { traces, layout } = panels(rows, options);
  const peaks = rows.map(({ title, curves }) => {
    const heights = curves.map(({ name, jacobian }) => {
      const highest = Math.max(...jacobian);
      const rises = highest > 1 + 1e-9;
      if (!rises) return `${name} does not rise`;
      return `${name} ${Number(highest.toPrecision(3))} at step ${jacobian.indexOf(highest)}`;
    });
    return `${title}: ${heights.join(', ')}.`;
  });
  return save(file, title, traces, layout, {
    words: `${words} Highest errors of the Jacobian: ${peaks.join(' ')}`,
  });
}

async function save(
  file: string,
  title: string,
  traces: Trace[],
  layout: Layout,
  options: FigureOptions,
): Promise<Entry> {
  const { data } = await figureBundle(traces, layout, options);
  writeFileSync(join(FOLDER, file), Buffer.from(data['image/png'] as string, 'base64'));
  return { file, title, words: options.words };
}
