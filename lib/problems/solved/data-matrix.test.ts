import { expect, it } from 'vitest';
import { ShapeError } from '../../errors';
import { multiply, multiplyTransposed, random } from '../../numbers';
import { bilevelLogistic } from './bilevel-logistic';
import { bilevelRidge } from './bilevel-ridge';
import { dataMatrix } from './data-matrix';

const draw = random(5);
const rows = (count: number, width: number) =>
  Array.from({ length: count }, () => draw.normals(width));

it.each([
  ['few', 30, 7],
  ['many', 130, 41],
])('%s data have the products of their rows', (_, count, width) => {
  const X = rows(count, width);
  const [x, r] = [draw.normals(width), draw.normals(count)];
  const data = dataMatrix(X);
  const close = (found: Float64Array, wanted: Float64Array) => {
    expect(found.length).toBe(wanted.length);
    wanted.forEach((value, i) => {
      expect(found[i]! - value).toBeCloseTo(0, 11);
    });
  };
  const Xx = multiply(X, x);
  close(data.multiply(x), Xx);
  close(data.multiplyTransposed(r), multiplyTransposed(X, r));
  const scaled = Xx.map((value, i) => value * r[i]!);
  const gram = new Float64Array(width);
  data.multiplyGram(r, x, gram);
  close(gram, multiplyTransposed(X, scaled));
  for (const product of [data.multiply, (v: Float64Array) => data.multiplyGram(r, v, gram)]) {
    expect(() => product(new Float64Array(width + 1))).toThrow(ShapeError);
  }
});

it('a solution on many data has no slope, and the hypergradient is a difference of outer losses', () => {
  const set = () => {
    const X = rows(110, 40);
    return { X, y: Float64Array.from(X, (row) => (row[0]! + draw.normal() > 0 ? 1 : 0)) };
  };
  const problem = bilevelLogistic({ train: set(), validation: set() });
  const λ = Float64Array.of(0.1);
  const w = problem.solution(λ);
  expect(Math.hypot(...problem.innerGradient(w, λ))).toBeLessThan(1e-12);
  const outerAt = (value: number) => {
    const at = Float64Array.of(value);
    return problem.outer(problem.solution(at), at).value;
  };
  const difference = (outerAt(0.1001) - outerAt(0.0999)) / 2e-4;
  expect(problem.hypergradient(λ)[0]).toBeCloseTo(difference, 6);
});

it.each([
  ['few', 20],
  ['many', 120],
])('%s data may be changed later', (_, count) => {
  const set = () => ({ X: rows(count, 40), y: Float64Array.from(draw.normals(count), Math.sign) });
  const labelled = ({ X, y }: ReturnType<typeof set>) => ({ X, y: y.map((value) => +(value > 0)) });
  for (const make of [bilevelRidge, bilevelLogistic]) {
    const drawn = { train: set(), validation: set() };
    const { train, validation } =
      make === bilevelRidge
        ? drawn
        : { train: labelled(drawn.train), validation: labelled(drawn.validation) };
    const problem = make({ train, validation }, { penalty: 'shared' });
    const [w, λ] = [new Float64Array(40).fill(0.1), Float64Array.of(0.5)];
    const wanted = problem.innerGradient(w, λ);
    for (const { X, y } of [train, validation]) {
      for (const row of X) row.fill(0);
      y.fill(0);
    }
    expect(problem.innerGradient(w, λ)).toEqual(wanted);
  }
});
