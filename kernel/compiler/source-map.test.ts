import { expect, test } from 'vitest';
import { type CellMap, composeMaps, decodeMappings, encodeMappings } from './source-map';

const map: CellMap = [
  [
    [0, 0, 0],
    [4, 2, 17],
  ],
  [],
  [
    [3, 1, 1000],
    [40, 0, 2],
  ],
];

test('mappings are read as they were written, after the lines that are left out', () => {
  expect(decodeMappings(encodeMappings(map, 2)).slice(2)).toEqual(map);
  expect(encodeMappings(map, 2).startsWith(';;')).toBe(true);
});

test('mappings are written as the source map format says', () => {
  // "AAAA" is four zeros; "gkBAAC" would be 578, 0, 0, 1: 578 = 18 + 32 · 18 in base 32, doubled.
  expect(encodeMappings([[[0, 0, 0]]], 0)).toBe('AAAA');
  expect(decodeMappings('gkBAAC')).toEqual([[[576, 0, 1]]]);
});

test('a position goes through two maps, to the segment at or before it', () => {
  const second: CellMap = [
    [
      [7, 0, 5],
      [9, 1, 0],
    ],
  ];
  expect(composeMaps(second, map)).toEqual([[[7, 2, 17]]]);
});

test('each position finds the last segment up to it, with few looks at a long line', () => {
  const length = 4000;
  let looks = 0;
  // Columns 3, 3, 6, 9, 9, 12, …: some come twice, and the later one counts.
  const columns = Array.from({ length }, (_, i) => 3 * Math.ceil((2 * i + 1) / 3));
  const line = columns.map((column, i): [number, number, number] => [column, 0, i]);
  const counted = new Proxy(line, {
    get(target, key, receiver) {
      looks++;
      return Reflect.get(target, key, receiver);
    },
  });
  const asked = Array.from({ length }, (_, i): [number, number, number] => [i, 0, (i * 7) % 9000]);
  const [composed] = composeMaps([asked], [counted]);
  const expected = asked.flatMap(([column, , sourceColumn]) => {
    const at = columns.findLastIndex((other) => other <= sourceColumn);
    return at < 0 ? [] : [[column, 0, at]];
  });
  expect(composed).toEqual(expected);
  expect(looks).toBeLessThan(20 * length);
});
