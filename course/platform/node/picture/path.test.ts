import { describe, expect, it } from 'vitest';
import { pathLength, pointAlong } from './path';

describe('paths', () => {
  const corner = 'M0,0L30,0V40';

  it('are as long as their lines', () => {
    expect(pathLength(corner)).toBe(70);
    expect(pathLength('M1e1,0H-10')).toBe(20);
    expect(pathLength('M0,0L3,4L0,0Z')).toBe(10);
    expect(pathLength('')).toBe(0);
  });

  it('are walked along, and end at their ends', () => {
    expect(pointAlong(corner, 15)).toEqual({ x: 15, y: 0 });
    expect(pointAlong(corner, 50)).toEqual({ x: 30, y: 20 });
    expect(pointAlong(corner, 99)).toEqual({ x: 30, y: 40 });
    expect(pointAlong(corner, -1)).toEqual({ x: 0, y: 0 });
  });
});
