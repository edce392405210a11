import type { Explanation } from 'implicit-lab';
import { tableBundle } from '../table';

/** Whether a value is what `explain` returns. */
export function isExplanation(value: unknown): value is Explanation {
  const { product, steps } = (value ?? {}) as Partial<Explanation>;
  if (typeof product !== 'string' || !Array.isArray(steps) || steps.length === 0) return false;
  return steps.every(
    (step) => typeof step?.operation === 'string' && typeof step.plan === 'string',
  );
}

/** It as a table. */
export const explanationTable = (explanation: Explanation): Record<string, unknown> => ({
  ...tableBundle(
    explanation.steps.map((step) => ({ ...step })),
    { caption: explanation.product },
  ).data,
  'text/plain': String(explanation),
});
