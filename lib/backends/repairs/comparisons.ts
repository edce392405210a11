import { differentiate, zerosLike } from './gradient';

const binary = [
  'Equal',
  'NotEqual',
  'Greater',
  'GreaterEqual',
  'Less',
  'LessEqual',
  'LogicalAnd',
  'LogicalOr',
];

/** Comparisons have the derivative zero, so that a condition may depend on a variable. */
export function repairComparisons(): void {
  for (const kernel of binary) {
    differentiate(kernel, {
      inputs: ['a', 'b'],
      gradient: (_, [a, b]) => ({ a: zerosLike(a!), b: zerosLike(b!) }),
    });
  }
  differentiate('LogicalNot', {
    inputs: ['x'],
    gradient: (_, [x]) => ({ x: zerosLike(x!) }),
  });
}
