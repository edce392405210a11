import { type Method, sobolev } from '../../lib/methods';
import { unroll } from '../../lib/unrolling';
import { diagonalProblem, methods, spectra } from './problems';
import { printTable } from './table';

/** How far the Jacobian's error rises on chosen spectra, and what Sobolev's freedom to choose does. */
export function spectraTable(): void {
  const rows = Object.entries(spectra).map(([name, lambdas]) => {
    const problem = diagonalProblem(lambdas);
    const peaks = methods.map(([label, method]) => [label, peak(method, problem)]);
    return { spectrum: name, ...Object.fromEntries(peaks) };
  });
  printTable(
    'Highest error of the Jacobian after the start, by the first one',
    'd = 100, λ in [.01, 1], x₀ − x* = 10, ∂x₀ = 0, H′ = I. Above 1 it has risen; no method is monotone on all spectra.',
    rows,
  );
}

/** What α and η do to the Jacobian, and to the iterate. */
export function sobolevTable(): void {
  const problem = diagonalProblem(spectra.uniform!);
  const options: [string, Method][] = [0.5, 1, 2].flatMap((alpha) => [
    [`α=${alpha}, natural η`, sobolev({ alpha })] as [string, Method],
    ...[0.01, 1, 100].map((eta): [string, Method] => [
      `α=${alpha}, η=${eta}`,
      sobolev({ alpha, eta }),
    ]),
  ]);
  const rows = [...options, ...methods.filter(([name]) => !name.startsWith('Sobolev'))].map(
    ([name, method]) => {
      const { errors } = unroll(method, problem, { steps: 80 });
      const relative = (kind: 'iterate' | 'jacobian', t: number) =>
        errors[kind][t]! / errors[kind][0]!;
      return {
        method: name,
        'peak of ∂x': peak(method, problem),
        '∂x at 20': relative('jacobian', 20),
        '∂x at 40': relative('jacobian', 40),
        '∂x at 80': relative('jacobian', 80),
        'x at 20': relative('iterate', 20),
        'x at 80': relative('iterate', 80),
      };
    },
  );
  printTable(
    'Errors of Jacobian and iterate on the uniform spectrum, by the first ones',
    'A large η keeps the Jacobian down and slows the iterate.',
    rows,
  );
}

function peak(method: Method, problem: ReturnType<typeof diagonalProblem>): number {
  const { jacobian } = unroll(method, problem, { steps: 120 }).errors;
  return Math.max(...jacobian.slice(1)) / jacobian[0]!;
}

/** Differentiating from a later step on: a lower peak, and a later one. */
export function lateStartTable(): void {
  const problem = diagonalProblem(spectra.uniform!);
  const rows = methods
    .filter(([name]) => ['GD 2/(L+μ)', 'Chebyshev', 'Sobolev α=½'].includes(name))
    .flatMap(([name, method]) =>
      [0, 5, 10, 20, 40].map((from) => {
        const { jacobian } = unroll(method, problem, { steps: 120, from }).errors;
        const highest = Math.max(...jacobian.slice(from + 1));
        return {
          method: name,
          'from step': from,
          peak: highest / jacobian[0]!,
          'at step': jacobian.indexOf(highest),
          'at 60': jacobian[60]! / jacobian[0]!,
          'at 120': jacobian[120]! / jacobian[0]!,
        };
      }),
    );
  printTable(
    'Differentiating late (truncation, warm start)',
    'The uniform spectrum; errors of the Jacobian by the first one. Up to the first step ∂x counts as 0. Chebyshev’s later steps suppose its earlier ones: started late, it is not optimal.',
    rows,
  );
}
