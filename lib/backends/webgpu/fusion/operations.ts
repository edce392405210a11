import { helpersFor, bodies as repaired } from '../unary';

/** What an operation makes of the numbers a, b and c, in WGSL: the body of a function. */
export interface Operation {
  /** Names a function of this body, and none of another. */
  readonly name: string;
  readonly parameters: number;
  readonly body: string;
  /** Whether its result is a boolean, 1 or 0. */
  readonly yesNo: boolean;
}

/** Functions of one number that is not NaN; a NaN stays one. */
const unary: Record<string, string> = {
  ...repaired,
  Abs: 'return abs(a);',
  Ceil: 'return ceil(a);',
  Floor: 'return floor(a);',
  Neg: 'return -a;',
  Reciprocal: 'return 1.0 / a;',
  Relu: 'return max(a, 0.0);',
  Rsqrt: 'return inverseSqrt(a);',
  Sqrt: 'return sqrt(a);',
  Step: 'return select(0.0, 1.0, a > 0.0);',
  Square: 'return a * a;',
};

/** Arithmetic, in which the processor itself hands a NaN on. */
const arithmetic: Record<string, string> = {
  Add: 'return a + b;',
  Sub: 'return a - b;',
  Multiply: 'return a * b;',
  RealDiv: 'return a / b;',
  SquaredDifference: 'return (a - b) * (a - b);',
};

/** Functions of two numbers that are not NaN; where one is, it is the result. */
const choices: Record<string, string> = {
  Maximum: 'return max(a, b);',
  Minimum: 'return min(a, b);',
};

/** Comparisons of two numbers that are not NaN; where one is, all are false but one. */
const comparisons: Record<string, string> = {
  Equal: 'a == b',
  Greater: 'a > b',
  GreaterEqual: 'a >= b',
  Less: 'a < b',
  LessEqual: 'a <= b',
  NotEqual: 'a != b',
};

const table = new Map<string, Operation>();
const put = (name: string, parameters: number, body: string, yesNo = false) =>
  table.set(name, { name, parameters, body, yesNo });

for (const [name, body] of Object.entries(unary)) {
  put(name, 1, `if (isnan(a)) { return a; } ${body}`);
}
for (const [name, body] of Object.entries(arithmetic)) put(name, 2, body);
for (const [name, body] of Object.entries(choices)) {
  put(name, 2, `if (isnan(a)) { return a; } if (isnan(b)) { return b; } ${body}`);
}
for (const [name, condition] of Object.entries(comparisons)) {
  const ofNaN = name === 'NotEqual' ? '1.0' : '0.0';
  const body = `if (isnan(a) || isnan(b)) { return ${ofNaN}; } return f32(${condition});`;
  put(name, 2, body, true);
}
// That of a NaN is 0 on every backend.
put('Sign', 1, 'if (isnan(a)) { return 0.0; } return sign(a);');
put('LogicalAnd', 2, 'return a * b;', true);
put('LogicalOr', 2, 'return max(a, b);', true);
put('LogicalNot', 1, 'return 1.0 - a;', true);
put('Select', 3, 'if (a != 0.0) { return b; } return c;');
put('Cast', 1, 'return a;');
put('Prelu', 2, 'if (a < 0.0) { return a * b; } return a;');
put('EluGrad', 2, 'if (b >= 0.0) { return a; } return a * (b + 1.0);');
put('Zero', 0, 'return 0.0;');
put('One', 0, 'return 1.0;');

/** Names of operations; all but `Zero` and `One` are also names of kernels. */
export const operationNames: readonly string[] = [...table.keys()];

/** @throws Error for a name that is not one of `operationNames`. */
export function operation(name: string): Operation {
  const found = table.get(name);
  if (found === undefined) throw new Error(`${name} is not an operation of entries`);
  return found;
}

/** The functions of some operations, in WGSL. */
export function functionsOf(operations: Iterable<Operation>): string {
  const functions = Array.from(operations, ({ name, parameters, body }) => {
    const given = ['a', 'b', 'c'].slice(0, parameters).map((p) => `${p} : f32`);
    return `fn entry${name}(${given.join(', ')}) -> f32 { ${body} }`;
  });
  const text = functions.join('\n');
  return `${helpersFor(text)}\n${text}`;
}
