import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { cellProgram } from './cell-program';
import { readCell } from './cell-source';
import type { Live } from './earlier';
import { transpileCell } from './emit';
import { plainCell } from './plain-cell';

/** What earlier cells have left. */
const VALUES: Record<string, unknown> = {
  a: [3, 4],
  n: 5,
  o: { x: 1, f: (y: number) => y + 1, self: () => 1 },
  self(this: unknown) {
    return this === undefined ? 'no this' : 'a this';
  },
  Point: class {
    constructor(readonly x: number) {}
  },
  later: async (x: number) => x,
  tag: (parts: TemplateStringsArray) => parts.raw.join(),
};

const live = new Map<string, Live>(
  Object.keys(VALUES).map((name) => [name, { kind: 'const', type: false, cell: 1, value: true }]),
);

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.Preserve,
  moduleDetection: ts.ModuleDetectionKind.Force,
  sourceMap: true,
};
const read = (code: string) => readCell(code, () => false);
const plain = (code: string) => plainCell(read(code), live);
const printed = (code: string) => {
  const cell = read(code);
  return cellProgram(transpileCell(cell.text, options, cell, live));
};

async function run({ code }: { code: string }): Promise<unknown> {
  let last: unknown;
  const cell = {
    result(value: unknown) {
      last = value;
    },
    box: (name: string) => ({ [name]: VALUES[name] }),
  };
  const AsyncFunction = (async () => {}).constructor as new (
    ...of: string[]
  ) => (require: unknown, cell: unknown) => Promise<void>;
  await new AsyncFunction('require', '__implicit_cell__', code)(undefined, cell);
  return last;
}

describe('a cell of expressions gives what the compiler makes of it', () => {
  it.each([
    '1+1',
    '1 + 1; // two',
    "'text' /* a comment */",
    'n',
    'n + n * 2 ** 3 % 7',
    'a[0] + a.length',
    'a\n;a[1]',
    'n\nself()\nself()',
    'o.self()\nself()',
    'self?.()',
    'o.f(n)',
    "o['f'](a[1])",
    '[...a, n, , 2]',
    "{ n: n, 'b c': a, ...o }.n",
    '({ n: n, "b c": a })',
    '{ x: n, y: [a] }',
    `\`\${n} and \${a.join("-")}\``,
    'typeof n === "number" ? a : o',
    'typeof nothing',
    '!n || -n && ~n',
    'null ?? n',
    'new Point(n).x',
    'await later(n)',
    'void 0',
    '/a+/g.test("caat")',
    '0x10n + 1n',
    'Math.max(...a)',
    '  n   ',
    'n;;',
    '\n\n  a\n    .concat(n)\n    .length',
    'self(\n  n\n)',
    'undefined',
  ])('%j', async (code) => {
    const own = plain(code);
    // One of them is an object's member, which no console takes for a cell.
    if (own === undefined) return expect(code).toBe("{ n: n, 'b c': a, ...o }.n");
    expect(await run(own)).toStrictEqual(await run(printed(code)));
  });
});

it.each([
  '',
  '// nothing',
  'const x = 1',
  'n = 2',
  'n += 2',
  'n++',
  '--n',
  'a.map((x) => x)',
  '(function () {})',
  '({ f() {} })',
  '({ n })',
  '({ [n]: 1 })',
  'n as number',
  'n!',
  'later<number>(1)',
  'new Map<string, number>()',
  'tag`x`',
  '(o.self)()',
  'import("node:fs")',
  'require("fs")',
  'delete o.x',
  'this',
  'arguments',
  'if (n) 1',
  'n\r\nn',
  '\\u006e',
  '"a\u2028b"',
])('leaves %j to the compiler', (code) => {
  expect(plain(code)).toBeUndefined();
});

it('leaves names that hold no value to the compiler', () => {
  const type: Live = { kind: 'other', type: true, cell: 1, value: false };
  expect(plainCell(read('I'), new Map([['I', type]]))).toBeUndefined();
});

describe('its map leads from each name and operator to where it stands in the cell', () => {
  it.each(['n + a.length', 'n\nself(n,\n  o.f(n))', '{ x: n, y: o.f(n) }', `\`\${n}\${a}\``])(
    '%j',
    (code) => {
      const { code: text, map } = plain(code)!;
      const [lines, source] = [text.split('\n'), code.split('\n')];
      expect(map).toHaveLength(lines.length);
      const places = map.flatMap((segments, line) =>
        segments.map(([column, from, at]) => ({ made: lines[line]!.slice(column), from, at })),
      );
      expect(places.length).toBeGreaterThan(1);
      for (const { made, from, at } of places) {
        const word = source[from]!.slice(at).match(/^(?:\w+|\W)/)![0];
        const own = made.replace(/^\(0, /, '');
        expect(own.startsWith(word) || own.startsWith(`(${word}`)).toBe(true);
      }
      for (const segments of map) {
        const columns = segments.map(([column]) => column);
        expect(columns).toEqual([...columns].sort((a, b) => a - b));
      }
    },
  );
});
