import {
  correlatedRegression,
  decreasingRate,
  explicitGLM,
  implicitGLM,
} from '../../lib/descent/glm';

const SCALES = [1, 4, 10, 50];
const METHODS = { explicit: explicitGLM, implicit: implicitGLM };

/**
 * How much does the implicit step buy in stability? The risk after 10,000 samples of the linear
 * regression of Toulis & Airoldi, mean ± standard deviation over seeds, for rates from the best
 * one to fifty times that.
 *
 * `npm run bench -- glm [seeds = 32] [samples = 10000]`
 */
export async function run(args: string[]) {
  const seeds = Number(args[0] ?? 32);
  const count = Number(args[1] ?? 10_000);
  const problem = correlatedRegression();
  console.log(`Risk after ${count} samples, p = ${problem.dimension}, ${seeds} seeds`);
  console.log(['scale', ...Object.keys(METHODS)].map((word) => word.padStart(22)).join(''));
  const risks = SCALES.map(() => Object.values(METHODS).map((): number[] => []));
  for (let seed = 0; seed < seeds; seed++) {
    const samples = [...problem.samples(count, seed)];
    SCALES.forEach((scale, row) => {
      const rate = decreasingRate({ first: 1 / problem.trace, curvature: problem.smallest, scale });
      Object.values(METHODS).forEach((make, column) => {
        const fit = make({ rate }).fit(samples, new Float64Array(problem.dimension));
        const diverged = fit.status === 'diverged';
        risks[row]![column]!.push(diverged ? Number.POSITIVE_INFINITY : problem.risk(fit.theta));
      });
    });
  }
  SCALES.forEach((scale, row) => {
    const cells = [`${scale}`, ...risks[row]!.map(summary)];
    console.log(cells.map((cell) => cell.padStart(22)).join(''));
  });
}

function summary(risks: number[]): string {
  const diverged = risks.filter((risk) => !Number.isFinite(risk)).length;
  if (diverged > 0) return `${diverged} of ${risks.length} overflowed`;
  if (Math.max(...risks) > 1e6) {
    return `${Math.min(...risks).toExponential(0)} to ${Math.max(...risks).toExponential(0)}`;
  }
  const mean = risks.reduce((sum, risk) => sum + risk, 0) / risks.length;
  const square = risks.reduce((sum, risk) => sum + (risk - mean) ** 2, 0) / (risks.length - 1);
  return `${mean.toFixed(4)} ± ${Math.sqrt(square).toFixed(4)}`;
}
