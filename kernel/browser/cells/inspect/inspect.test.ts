import { inspect as nodeInspect } from 'node:util';
import { expect, test } from 'vitest';
import { encodeMappings } from '../../../compiler/source-map';
import { NOTEBOOKS } from '../../places';
import { rememberMap } from '../traces';
import { inspect } from '.';

class Point {
  constructor(
    readonly x: number,
    readonly y: unknown,
  ) {}
}

const circle: Record<string, unknown> = { name: 'circle' };
circle.self = { again: circle };

const values: Record<string, unknown> = {
  numbers: Array.from({ length: 30 }, (_, i) => i * i),
  decimals: Array.from({ length: 9 }, (_, i) => Math.sin(i)),
  negative: [-1, 20, -300, 4, 5, -0, 7],
  'a few': [1, 2, 3, 4, 5, 6],
  words: ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'],
  'very many': Array.from({ length: 120 }, (_, i) => i),
  holes: Object.assign(new Array(4), { 0: 1, 3: 2 }),
  matrix: [
    [1, 2],
    [3, 4],
  ],
  nested: { a: { b: { c: { d: 1 } } }, list: [[[[1]]]] },
  'a long object': Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`property${i}`, i / 7]),
  ),
  'three levels': { a: { b: { c: {} } }, d: 1 },
  map: new Map<unknown, unknown>([
    ['a', 1],
    [{ k: 1 }, [1, 2]],
  ]),
  set: new Set([1, 'two']),
  typed: new Float32Array([0.1, 1, 2]),
  'long typed': Float64Array.from({ length: 10 }, (_, i) => 1 / (i + 1)),
  point: new Point(1, new Point(2, null)),
  'null prototype': Object.assign(Object.create(null), { a: 1 }),
  arrow: () => 1,
  class: Point,
  'function with a field': Object.assign(function f() {}, { a: 1 }),
  symbol: { [Symbol('s')]: Symbol('t') },
  getter: {
    get a() {
      return 1;
    },
    set b(_value: number) {},
    get c() {
      return 1;
    },
    set c(_value) {},
  },
  quotes: ["it's", 'say "it\'s"', '`all` "of" \'them\'', 'a\nb\\', '\u0001'],
  'a long text': { text: `${'word '.repeat(10)}\n${'line '.repeat(10)}` },
  'key with spaces': { 'a b': 1, 'c-d': 2, 3: 4 },
  bigint: [1n, -2n],
  date: new Date(0),
  regexp: /a+/g,
  boxed: [Object(1), Object('s')],
  circle,
  'empty things': [{}, [], new Map(), new Set(), new Point(undefined as never, undefined)],
  weak: new WeakMap(),
  buffer: new ArrayBuffer(4),
  text: 'text',
  'minus zero': -0,
  undefined: undefined,
  null: null,
};

test.for(Object.entries(values))('%s is printed as by Node.js', ([, value]) => {
  expect(inspect(value)).toBe(nodeInspect(value));
  expect(inspect({ value })).toBe(nodeInspect({ value }));
  expect(inspect([value, value])).toBe(nodeInspect([value, value]));
});

test('depth, length of lines and numbers of entries can be chosen', () => {
  const { nested, numbers } = values;
  for (const options of [{ depth: 0 }, { depth: null }, { depth: 1, breakLength: 40 }]) {
    expect(inspect(nested, options)).toBe(nodeInspect(nested, options));
  }
  const few = { maxArrayLength: 5, maxStringLength: 3 };
  expect(inspect(numbers, few)).toBe(nodeInspect(numbers, few));
  expect(inspect('abcdef', few)).toBe(nodeInspect('abcdef', few));
});

test('a value prints itself by the method that Node.js asks, too', () => {
  const own = { [nodeInspect.custom]: (depth: number) => `own ${depth}` };
  expect(inspect({ own })).toBe(nodeInspect({ own }));
});

test('lists of random numbers are put in the same columns', () => {
  let seed = 1;
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  for (let i = 0; i < 200; i++) {
    const digits = Math.floor(random() * 12);
    const list = Array.from({ length: Math.floor(random() * 130) }, () =>
      Number((random() * 10 ** (random() * 6)).toFixed(digits)),
    );
    expect(inspect({ list })).toBe(nodeInspect({ list }));
  }
});

test('an error inside a value names the lines of its cell, as far to the right as the rest', () => {
  rememberMap('cell-9.ts', encodeMappings([[], [[0, 0, 4]]], 0));
  const reason = new Error('no');
  reason.stack =
    'Error: no\n    at eval (cell-9.js:2:5)\n    at Generator.next (<anonymous>)\n    at __awaiter (cell-9.js:1:1)';
  expect(inspect([{ status: 'rejected', reason }])).toBe(
    `[\n  {\n    status: 'rejected',\n    reason: Error: no\n        at ${NOTEBOOKS}/cell-9.ts:1:5\n  }\n]`,
  );
  const plain = Object.assign(new Error('two\nlines'), {
    stack: 'Error: two\nlines\n    at x:1:1',
  });
  expect(inspect({ all: [plain] })).toBe(nodeInspect({ all: [plain] }));
});
