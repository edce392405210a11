import { adam, type Method } from '../../lib/methods';
import { logisticRegression, ridgeRegression, type SolvedProblem } from '../../lib/problems';
import { unroll } from '../../lib/unrolling';
import { digits, farStart, methods } from './problems';
import { printTable } from './table';

/** Ridge and logistic regression on digits: where the curse shows, and where it does not. */
export function realDataTable(): void {
  const { X, labels } = digits(500, 1);
  const targets = labels.map((label) => 2 * label - 1);
  const far = farStart(50);
  const problems: [string, SolvedProblem, [string, Method][]][] = [];
  for (const lambda of [0.01, 0.1]) {
    for (const [where, start] of [
      ['x₀ = 0', new Float64Array(50)],
      ['x₀ far', far],
    ] as const) {
      problems.push([
        `ridge, λ = ${lambda}, ${where}`,
        ridgeRegression({ X, y: targets, lambda, start }),
        methods,
      ]);
      problems.push([
        `logistic, λ = ${lambda}, ${where}`,
        logisticRegression({ X, y: labels, lambda, start }),
        [...methods.slice(0, 5), ['Adam .1', adam(0.1)]],
      ]);
    }
  }
  for (const [name, problem, list] of problems) {
    const { mu, L } = problem.spectrum;
    const rows = list.map(([label, method]) => {
      const { errors } = unroll(method, problem, { steps: 400 });
      const jacobian = errors.jacobian.map((error) => error / errors.jacobian[0]!);
      const highest = Math.max(...jacobian);
      return {
        method: label,
        peak: highest,
        'at step': jacobian.indexOf(highest),
        'risen until': jacobian.findLastIndex((error) => error > 1 + 1e-9) + 1,
        '∂x at 100': jacobian[100]!,
        '∂x at 400': jacobian[400]!,
        'x at 400': errors.iterate[400]! / errors.iterate[0]!,
      };
    });
    printTable(
      `${name}: 500 digits 3 and 8, 50 features, L/μ = ${(L / mu).toFixed(0)}`,
      'Error of ∂w/∂λ by the first one.',
      rows,
    );
  }
}
