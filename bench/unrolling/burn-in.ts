import type { Method } from '../../lib/methods';
import { type QuadraticProblem, quadratic } from '../../lib/problems';
import { burnIn, unroll } from '../../lib/unrolling';
import { methods } from './problems';
import { printTable } from './table';

/** The burn-in that `burnIn` predicts, and the one that is measured, for L = 1. */
export function burnInTable(mus: number[]): void {
  const rows = mus.flatMap((mu) =>
    methods
      .filter(([name]) => !name.startsWith('Sobolev'))
      .map(([name, method]) => {
        const predicted = burnIn(method, { mu, L: 1 });
        const worst = measuredBurnIn(method, mu);
        return {
          'κ = L/μ': 1 / mu,
          method: name,
          'peak step': predicted.peakStep,
          measured: worst.step,
          'peak height': predicted.peakHeight,
          'measured ': worst.height,
          length: predicted.length,
          'measured  ': worst.length,
        };
      }),
  );
  printTable(
    'Burn-in of the Jacobian: predicted from the residual polynomial, and measured',
    'Worst case: the first error lies on the eigenvalue predicted, and the first gradient does not depend on θ (G = 0). Where the worst eigenvalue changes on the way (Nesterov), another problem is above 1 for longer than the one measured.',
    rows,
  );
}

/** The burn-in of a method on the worst problem with L = 1, by unrolling it. */
export function measuredBurnIn(method: Method, mu: number) {
  const { eigenvalue, length } = burnIn(method, { mu, L: 1 });
  return measure(
    unroll(method, concentrated(mu, eigenvalue), { steps: length + 5 }).errors.jacobian,
  );
}

function measure(errors: number[]) {
  const relative = errors.map((error) => error / errors[0]!);
  const above = relative.findLastIndex((error) => error > 1 + 1e-9);
  const height = above < 0 ? 1 : Math.max(...relative);
  return { height, step: above < 0 ? 0 : relative.indexOf(height), length: above + 1 };
}

/** A problem all of whose error is on one eigenvalue, with `d/dθ ∇f(x₀) = 0`. */
function concentrated(mu: number, eigenvalue: number): QuadraticProblem {
  return quadratic({
    theta: Float64Array.of(0),
    hessian: ([θ]) => [Float64Array.of(mu, 0), Float64Array.of(0, eigenvalue + θ!)],
    dHessian: () => [[Float64Array.of(0, 0), Float64Array.of(0, 1)]],
    linear: ([θ]) => Float64Array.of(0, eigenvalue + 11 * θ!),
    dLinear: () => [Float64Array.of(0, 11)],
    start: Float64Array.of(0, 11),
    spectrum: { mu, L: 1 },
  });
}
