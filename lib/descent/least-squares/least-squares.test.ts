import { describe, expect, it } from 'vitest';
import { InputError, NotFiniteError, ShapeError, UnsupportedError } from '../../errors';
import { multiply, multiplyTransposed, random } from '../../numbers';
import { cg, dense, woodbury } from '../../solvers';
import { float64 } from '../../spaces';
import {
  type JacobianProducts,
  type LeastSquaresLook,
  type LeastSquaresProblem,
  levenbergMarquardt,
} from '.';

/** `A w − b`, n × p. */
function linear(n: number, p: number, seed: number) {
  const stream = random(seed);
  const A = Array.from({ length: n }, () => stream.normals(p));
  const b = stream.normals(n);
  const residuals = (w: Float64Array) => float64.subtract(multiply(A, w), b);
  const problem: LeastSquaresProblem = {
    residuals,
    linearize: (w) => ({ residuals: residuals(w), jacobian: A }),
  };
  return { A, b, problem };
}

/** Rosenbrock's function, ½‖r‖² of these residuals, least at (1, 1). */
const rosenbrock: LeastSquaresProblem = {
  residuals: ([x, y]) => Float64Array.of(10 * (y! - x! * x!), 1 - x!),
  linearize: (w) => ({
    residuals: rosenbrock.residuals(w),
    jacobian: [Float64Array.of(-20 * w[0]!, 10), Float64Array.of(-1, 0)],
  }),
};

/** The same, with the Jacobian known by its products alone. */
function byProducts(problem: LeastSquaresProblem): LeastSquaresProblem {
  return {
    residuals: problem.residuals,
    linearize(w) {
      const { residuals, jacobian } = problem.linearize(w);
      if (!('length' in jacobian)) throw new Error('rows were expected');
      return {
        residuals,
        jacobian: {
          apply: (v) => multiply(jacobian, v),
          transpose: (u) => multiplyTransposed(jacobian, u),
        },
      };
    },
  };
}

describe('a step', () => {
  it.each([
    [9, 4],
    [4, 9],
    [5, 5],
  ])('of %d residuals and %d parameters solves (I + δJᵀJ) s = Jᵀr', (n, p) => {
    const { A, problem } = linear(n, p, 1);
    const w = random(2).normals(p);
    for (const initial of [1e-3, 1, 1e3]) {
      const g = multiplyTransposed(A, problem.residuals(w));
      const step = (options: object) =>
        levenbergMarquardt(problem, w, { initial, maxIterations: 1, acceleration: 0, ...options })
          .w;
      const s = float64.scale(-1 / initial, float64.subtract(step({}), w));
      const left = float64.axpy(initial, multiplyTransposed(A, multiply(A, s)), s);
      left.forEach((value, i) => {
        expect(Math.abs(value - g[i]!)).toBeLessThan(1e-10 * float64.norm(g) * (1 + initial));
      });
      const solvers = [cg({ tolerance: 1e-13, maxIterations: 50 }), dense(), woodbury()];
      for (const solver of solvers) {
        step({ solver }).forEach((value, i) => {
          expect(value).toBeCloseTo(step({})[i]!, 7);
        });
      }
    }
  });

  it('adds half of the acceleration, which is exact where residuals are quadratic', () => {
    const w = Float64Array.of(-1.2, 1);
    const initial = 0.01;
    const plain = levenbergMarquardt(rosenbrock, w, { initial, maxIterations: 1, acceleration: 0 });
    const turned = levenbergMarquardt(rosenbrock, w, {
      initial,
      maxIterations: 1,
      acceleration: 10,
    });
    const d = float64.subtract(plain.w, w);
    // r″(d, d) = (−20 d₀², 0).
    const { jacobian } = rosenbrock.linearize(w);
    const J = jacobian as Float64Array[];
    const a = float64.scale(2, float64.subtract(turned.w, plain.w));
    const left = float64.axpy(1 / initial, a, multiplyTransposed(J, multiply(J, a)));
    const right = multiplyTransposed(J, Float64Array.of(20 * d[0]! ** 2, 0));
    left.forEach((value, i) => {
      expect(value).toBeCloseTo(right[i]!, 8);
    });
    expect(turned.value).toBeLessThan(plain.value);
    // One that is too long for the step is left out.
    const mistrusted = { initial, maxIterations: 1, acceleration: 1e-9 };
    expect(levenbergMarquardt(rosenbrock, w, mistrusted).w).toEqual(plain.w);
  });
});

describe('levenbergMarquardt', () => {
  it.each([1e-4, 1, 1e4, 1e12])(
    'finds the least of Rosenbrock from δ = %d, and never rises',
    (initial) => {
      const looks: LeastSquaresLook[] = [];
      const start = Float64Array.of(-1.2, 1);
      const fit = levenbergMarquardt(rosenbrock, start, {
        initial,
        watch: (look) => looks.push(look),
      });
      expect(fit.status).toBe('converged');
      expect(fit.w[0]).toBeCloseTo(1, 8);
      expect(fit.w[1]).toBeCloseTo(1, 8);
      expect(fit.iterations).toBeLessThan(40);
      expect(looks).toHaveLength(fit.iterations + 1);
      for (let i = 1; i < looks.length; i++) {
        expect(looks[i]!.value).toBeLessThan(looks[i - 1]!.value);
      }
      expect(start).toEqual(Float64Array.of(-1.2, 1));
    },
  );

  it('solves linear least squares in a few steps, tall or wide', () => {
    const tall = linear(20, 6, 3);
    const fit = levenbergMarquardt(tall.problem, new Float64Array(6), { initial: 1e12 });
    const normal = multiplyTransposed(tall.A, tall.problem.residuals(fit.w));
    expect(float64.norm(normal)).toBeLessThan(1e-10);
    expect(fit.iterations).toBeLessThan(5);
    const wide = linear(6, 20, 4);
    expect(levenbergMarquardt(wide.problem, new Float64Array(20)).value).toBeLessThan(1e-20);
  });

  it('works by products alone, with cg', () => {
    const solver = cg({ tolerance: 1e-10, maxIterations: 20 });
    const fit = levenbergMarquardt(byProducts(rosenbrock), Float64Array.of(-1.2, 1), { solver });
    expect(fit.w[0]).toBeCloseTo(1, 6);
    expect(fit.products).toBeGreaterThan(fit.iterations);
    expect(() => levenbergMarquardt(byProducts(rosenbrock), Float64Array.of(-1.2, 1))).toThrow(
      UnsupportedError,
    );
  });

  it('takes a trial that is not finite for a rejected step', () => {
    // r = log w: a long step from 3 leads below 0.
    const log: LeastSquaresProblem = {
      residuals: (w) => w.map(Math.log),
      linearize: (w) => ({ residuals: w.map(Math.log), jacobian: [Float64Array.of(1 / w[0]!)] }),
    };
    const fit = levenbergMarquardt(log, Float64Array.of(3), { initial: 1e6 });
    expect(fit.rejected).toBeGreaterThan(0);
    expect(fit.w[0]).toBeCloseTo(1, 10);
    expect(() => levenbergMarquardt(log, Float64Array.of(-1))).toThrow(NotFiniteError);
  });

  it('says how it ended', () => {
    const start = Float64Array.of(-1.2, 1);
    const end = (options: object) => levenbergMarquardt(rosenbrock, start, options).status;
    expect(end({ maxIterations: 2 })).toBe('max-iterations');
    expect(end({ watch: ({ iteration }: LeastSquaresLook) => iteration < 3 })).toBe('stopped');
    expect(end({})).toBe('converged');
    expect(levenbergMarquardt(rosenbrock, Float64Array.of(1, 1)).status).toBe('converged');
    // The Jacobian's sign is wrong: no step goes down.
    const wrong: LeastSquaresProblem = {
      residuals: rosenbrock.residuals,
      linearize(w) {
        const { residuals, jacobian } = rosenbrock.linearize(w);
        const rows = (jacobian as Float64Array[]).map((row) => float64.scale(-1, row));
        return { residuals, jacobian: rows };
      },
    };
    const stalled = levenbergMarquardt(wrong, start);
    expect(stalled.status).toBe('stalled');
    expect(stalled.w).toEqual(start);
  });

  it('refuses what it cannot use', () => {
    const start = Float64Array.of(0, 0);
    for (const options of [
      { initial: 0 },
      { initial: Number.NaN },
      { tolerance: 1 },
      { maxIterations: 0.5 },
      { acceleration: -1 },
      { damping: 1 },
    ]) {
      expect(() => levenbergMarquardt(rosenbrock, start, options as object)).toThrow(InputError);
    }
    const shaped = (jacobian: Float64Array[]): LeastSquaresProblem => ({
      residuals: rosenbrock.residuals,
      linearize: (w) => ({ residuals: rosenbrock.residuals(w), jacobian }),
    });
    const row = Float64Array.of(1, 2);
    expect(() => levenbergMarquardt(shaped([row]), start)).toThrow(ShapeError);
    expect(() => levenbergMarquardt(shaped([row, Float64Array.of(1)]), start)).toThrow(ShapeError);
    expect(() => levenbergMarquardt(shaped([row, Float64Array.of(1, Number.NaN)]), start)).toThrow(
      NotFiniteError,
    );
  });
});

/** The same function for users who save memory: it writes into arrays of its own, and into its argument. */
function inPlace(problem: LeastSquaresProblem, n: number, p: number): LeastSquaresProblem {
  const residuals = new Float64Array(n);
  const rows = Array.from({ length: n }, () => new Float64Array(p));
  const compute = (w: Float64Array) => {
    const at = problem.linearize(w.slice());
    if (!('length' in at.jacobian)) throw new Error('rows were expected');
    residuals.set(at.residuals);
    for (const [i, row] of at.jacobian.entries()) rows[i]!.set(row);
    w.fill(7);
    return { residuals, jacobian: rows };
  };
  return { residuals: (w) => compute(w).residuals, linearize: compute };
}

describe('functions that use their arrays again', () => {
  const start = Float64Array.of(-1.2, 1);
  it('give the same steps, by rows', () => {
    const fit = levenbergMarquardt(rosenbrock, start);
    expect(levenbergMarquardt(inPlace(rosenbrock, 2, 2), start)).toEqual(fit);
    expect([...start]).toEqual([-1.2, 1]);
  });

  it.each([cg({ maxIterations: 50 }), dense(), woodbury()])(
    'and by products, with $name',
    (solver) => {
      const plain = byProducts(rosenbrock);
      const [image, pulled] = [new Float64Array(2), new Float64Array(2)];
      const reused: LeastSquaresProblem = {
        residuals: plain.residuals,
        linearize(w) {
          const { residuals, jacobian } = plain.linearize(w);
          const { apply, transpose } = jacobian as JacobianProducts;
          const into = (out: Float64Array, product: Float64Array, given: Float64Array) => {
            out.set(product);
            given.fill(7);
            return out;
          };
          return {
            residuals,
            jacobian: {
              apply: (v) => into(image, apply(v.slice()), v),
              transpose: (u) => into(pulled, transpose(u.slice()), u),
            },
          };
        },
      };
      expect(levenbergMarquardt(reused, start, { solver })).toEqual(
        levenbergMarquardt(plain, start, { solver }),
      );
    },
  );

  it('and watch may be the method of an object', () => {
    class Options {
      #looks = 0;
      get looks() {
        return this.#looks;
      }
      watch() {
        this.#looks += 1;
      }
    }
    const options = new Options();
    const { iterations } = levenbergMarquardt(rosenbrock, start, options);
    expect(options.looks).toBe(iterations + 1);
  });
});

it.each([1e-30, 1e-12, 1e-9, 1e9, 1e30])(
  'residuals in a unit of %d have their least where they had it',
  (unit) => {
    const scaled: LeastSquaresProblem = {
      residuals: (w) => float64.scale(unit, rosenbrock.residuals(w)),
      linearize(w) {
        const { residuals, jacobian } = rosenbrock.linearize(w);
        const rows = (jacobian as Float64Array[]).map((row) => float64.scale(unit, row));
        return { residuals: float64.scale(unit, residuals), jacobian: rows };
      },
    };
    // The first δ is 1, whatever the unit; its step may be lost in rounding.
    const { w, status } = levenbergMarquardt(scaled, Float64Array.of(-1.2, 1));
    expect(status).toBe('converged');
    expect(w[0]).toBeCloseTo(1, 9);
    expect(w[1]).toBeCloseTo(1, 9);
  },
);
