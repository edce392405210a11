import type { Explanation } from 'implicit-lab';
import { tableBundle } from '../table';
import { explanationGraph } from './explanation-graph';

/** Whether a value is what `explain` returns. */
export function isExplanation(value: unknown): value is Explanation {
  const { product, steps, edges } = (value ?? {}) as Partial<Explanation>;
  if (typeof product !== 'string' || !Array.isArray(steps) || steps.length === 0) return false;
  if (!Array.isArray(edges)) return false;
  return steps.every(
    (step) => typeof step?.operation === 'string' && typeof step.plan === 'string',
  );
}

/** It as a graph of its operations above a table of them. */
export function explanationBundle(explanation: Explanation): Record<string, unknown> {
  const { data } = tableBundle(
    explanation.steps.map((step) => ({ ...step })),
    { caption: explanation.product },
  );
  const alt = `${explanation.product}: ${explanation.steps.map(({ operation }) => operation).join(', ')}`;
  // As an image: front ends strip SVG from notebooks that they do not trust.
  const source = `data:image/svg+xml,${encodeURIComponent(explanationGraph(explanation))}`;
  return {
    ...data,
    'text/html': `<img src="${source}" alt="${alt}">${data['text/html']}`,
    'text/plain': String(explanation),
  };
}
