import { describe, expect, it } from 'vitest';
import { type DataId, type Deferred, listingOf, type Operand, placeIn } from './chain';
import { operation } from './operations';

describe('the place of an entry', () => {
  it.each([
    [[3, 4], [3, 4], 'same'],
    [[4, 1], [1, 4, 1], 'same'],
    [[], [3, 4], 'first'],
    [[1, 1], [3, 4], 'first'],
    [[4], [3, 4], { modulo: 4 }],
    [[1, 4], [3, 4], { modulo: 4 }],
    [[2, 5], [3, 2, 5], { modulo: 10 }],
    [[3, 1], [3, 4], { over: 4 }],
    [[3, 1, 1], [3, 2, 5], { over: 10 }],
    [[3, 1, 1], [3, 2, 1], { over: 2 }],
    [[1, 2, 1], [3, 2, 5], undefined],
    [[3, 1, 5], [3, 2, 5], undefined],
  ] as const)('of a tensor of shape %j broadcast to %j is %j', (shape, result, place) => {
    expect(placeIn(shape, result)).toEqual(place);
    // What the place says is what broadcasting means.
    if (place === undefined) return;
    const size = result.reduce((a: number, b) => a * b, 1);
    for (let i = 0; i < size; i++) {
      let [rest, wanted, stride] = [i, 0, 1];
      for (let axis = 1; axis <= result.length; axis++) {
        const n = result[result.length - axis]!;
        const own = shape[shape.length - axis] ?? 1;
        if (own > 1) wanted += (rest % n) * stride;
        stride *= own;
        rest = Math.floor(rest / n);
      }
      const said =
        place === 'same'
          ? i
          : place === 'first'
            ? 0
            : 'modulo' in place
              ? i % place.modulo
              : Math.floor(i / place.over);
      expect(said).toBe(wanted);
    }
  });
});

describe('a listing', () => {
  const ids = Array.from({ length: 4 }, (_, id): DataId => ({ id }));
  const [x, y, sum, half] = ids as [DataId, DataId, DataId, DataId];
  const same = (id: DataId): Operand => ({ id, at: 'same' });
  const waiting = new Map<DataId, Deferred>();
  const lookup = (id: DataId) => waiting.get(id);
  const deferred = (id: DataId, name: string, operands: Operand[], size = 6): Deferred => {
    const made = { id, operation: operation(name), operands, size };
    waiting.set(id, made);
    return made;
  };

  it('computes what is used twice once, and reads what is not deferred', () => {
    deferred(sum, 'Add', [same(x), { id: y, at: { modulo: 3 } }]);
    const square = deferred({}, 'Multiply', [same(sum), same(sum)]);
    const { lines, leaves, divisors, result } = listingOf(square, lookup);
    expect(lines).toEqual([
      'let v0 = f32(A[index]);',
      'let v1 = f32(B[index % uniforms.n0]);',
      'let v2 = entryAdd(v0, v1);',
      'let v3 = entryMultiply(v2, v2);',
    ]);
    expect([leaves, divisors, result]).toEqual([[x, y], [3], 'v3']);
  });

  it('computes a number that is wanted everywhere from first entries', () => {
    deferred(half, 'RealDiv', [same(x), same(y)], 1);
    const scaled = deferred({}, 'Multiply', [{ id: half, at: 'first' }, same(sum)]);
    expect(listingOf(scaled, lookup).lines.slice(0, 3)).toEqual([
      'let v0 = f32(A[0]);',
      'let v1 = f32(B[0]);',
      'let v2 = entryRealDiv(v0, v1);',
    ]);
  });

  it('reads a row that is deferred, which is not computed again for each row', () => {
    const row = deferred({}, 'Neg', [same(x)], 3);
    const shifted = deferred({}, 'Add', [same(y), { id: row.id, at: { modulo: 3 } }]);
    expect(listingOf(shifted, lookup).leaves).toEqual([y, row.id]);
  });
});
