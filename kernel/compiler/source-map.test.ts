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
