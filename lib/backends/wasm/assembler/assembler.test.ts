import { describe, expect, it } from 'vitest';
import { addProduct, FunctionBody, hasMultiplyAdd, imported, instantiated, isOfModule } from '.';
import { addSigned, Bytes } from './encoding';
import { instructions, laneInstructions, memoryInstructions } from './instructions';

const memory = () => new WebAssembly.Memory({ initial: 1 });

describe('the assembler', () => {
  it('writes functions with loops, calls and memory', () => {
    const seen: number[] = [];
    const tell = imported('tell', { parameters: ['i32'], results: [] }, (x: number) =>
      seen.push(x),
    );
    const f = new FunctionBody('sum', { parameters: ['i32', 'i32'], results: ['f64'] });
    const [at, end] = f.parameters;
    const total = f.local('f64');
    f.while(at!, end!, () => {
      f.get(at!).call(tell);
      f.get(total, at!).memory('f32.load', 4).do('f64.promote_f32', 'f64.add').set(total);
      f.advance(at!, 4);
    });
    f.get(total);
    const space = memory();
    new Float32Array(space.buffer).set([1, 2, 3, 4.5]);
    const { sum } = instantiated(space, [f], [tell]);
    expect(sum!(0, 12)).toBe(9.5);
    expect(seen).toEqual([0, 4, 8]);
  });

  it('writes numbers as the format wants them', () => {
    for (const value of [0, 1, 63, 64, 127, 128, 300, 2 ** 31, 2 ** 32 - 1]) {
      const bytes = [...new Bytes().unsigned(value).written];
      const read = bytes.reduce((sum, byte, i) => sum + (byte & 0x7f) * 2 ** (7 * i), 0);
      expect(read).toBe(value);
    }
    const numbers = [0, -1, 63, 64, -64, -65, 8191, -8193, 2 ** 31 - 1, -(2 ** 31)];
    const f = numbers.map((value, i) => {
      const bytes: number[] = [];
      addSigned(bytes, value);
      expect(bytes.length).toBeLessThanOrEqual(5);
      return new FunctionBody(`f${i}`, { parameters: [], results: ['i32'] }).i32(value);
    });
    const made = instantiated(memory(), f, []);
    expect(numbers.map((_, i) => made[`f${i}`]!())).toEqual(numbers);
  });

  it('has no instruction whose types the engine does not confirm', () => {
    for (const [name, { takes, gives }] of Object.entries(instructions)) {
      if (name.includes('relaxed') && !hasMultiplyAdd) continue;
      const f = new FunctionBody('f', { parameters: takes, results: gives });
      f.get(...f.parameters).do(name as keyof typeof instructions);
      expect(() => instantiated(memory(), [f], []), name).not.toThrow();
    }
    for (const [name, { takes, gives }] of Object.entries(memoryInstructions)) {
      const f = new FunctionBody('f', { parameters: takes, results: gives });
      f.get(...f.parameters).memory(name as keyof typeof memoryInstructions, 300);
      expect(() => instantiated(memory(), [f], []), name).not.toThrow();
    }
    for (const [name, { takes, gives }] of Object.entries(laneInstructions)) {
      const f = new FunctionBody('f', { parameters: takes, results: gives });
      f.get(...f.parameters).lane(name as keyof typeof laneInstructions, 1);
      expect(() => instantiated(memory(), [f], []), name).not.toThrow();
    }
  });

  it('writes vectors by their lanes', () => {
    const f = new FunctionBody('f', { parameters: ['i32', 'i32'], results: [] });
    const [from, to] = f.parameters;
    f.get(to, from).memory('v128.load', 16).get(from).memory('v128.load');
    f.shuffle(0, 3, 4, 7)
      .i32x4(10, -20, 30, 2 ** 31)
      .do('i32x4.add')
      .memory('v128.store');
    const space = memory();
    new Int32Array(space.buffer).set([1, 2, 3, 4, 5, 6, 7, 8]);
    instantiated(space, [f], []).f!(0, 32);
    const numbers = new Int32Array(space.buffer, 32, 4);
    expect([...numbers]).toEqual([15, -12, 31, 4 + 2 ** 31 - 2 ** 32]);
    expect(() =>
      new FunctionBody('g', { parameters: [], results: [] }).shuffle(0, 0, 0, 0),
    ).toThrow('g: i8x16.shuffle takes v128, and there is nothing');
  });

  it('chooses between values and between branches', () => {
    const f = new FunctionBody('f', { parameters: ['i32'], results: ['f64'] });
    const [x] = f.parameters;
    const [one, other] = f.locals('f64', 'f64');
    f.get(x).if(
      () => f.f64(1).set(one),
      () => f.f64(2).set(other),
    );
    f.get(one, other, x).select('f64');
    const { f: run } = instantiated(memory(), [f], []);
    expect([run!(0), run!(1)]).toEqual([2, 1]);
    const g = () => new FunctionBody('g', { parameters: ['i32', 'f32'], results: [] });
    const mixed = g();
    expect(() =>
      mixed
        .get(...mixed.parameters)
        .i32(1)
        .select('f32'),
    ).toThrow('select takes f32');
    const left = g();
    const leave = () => void left.i32(1);
    expect(() => left.get(left.parameters[0]).if(leave, () => {})).toThrow(/end of a branch has/);
    expect(() => left.i32(1).if(() => {}, leave)).toThrow(/end of a block has/);
    // What comes after a branch that returns is reached by the other one.
    const returns = new FunctionBody('h', { parameters: ['i32'], results: ['i32'] });
    returns.get(returns.parameters[0]).if(
      () => returns.i32(7).return(),
      () => returns.i32(8).set(returns.parameters[0]),
    );
    returns.get(returns.parameters[0]);
    const { h } = instantiated(memory(), [returns], []);
    expect([h!(1), h!(0)]).toEqual([7, 8]);
  });

  it('calls what is in a table of functions, and chooses by a number', () => {
    const space = memory();
    const signature = { parameters: ['i32'], results: ['i32'] } as const;
    const times = (factor: number) => {
      const f = new FunctionBody(`by${factor}`, signature);
      return f
        .get(...f.parameters)
        .i32(factor)
        .do('i32.mul');
    };
    const made = instantiated(space, [times(1), times(2)], []);
    const table = new WebAssembly.Table({ initial: 2, element: 'anyfunc' });
    table.set(0, made.by1);
    table.set(1, made.by2);
    expect([made.by1!, () => 1].map(isOfModule)).toEqual([true, false]);
    const f = new FunctionBody('f', { parameters: ['i32', 'i32'], results: ['i32'] });
    const [which, x] = f.parameters;
    f.block((otherwise) => {
      f.block((known) => {
        f.get(which).brTable([known, known, otherwise]);
      });
      f.get(x, which).callIndirect(signature).return();
    });
    f.i32(-1);
    const { f: run } = instantiated(space, [f], [], table);
    expect([0, 1, 2, 100, -1].map((which) => run!(which, 21))).toEqual([21, 42, -1, -1, -1]);
    const wrong = new FunctionBody('g', { parameters: ['f32'], results: [] });
    expect(() =>
      wrong
        .get(...wrong.parameters)
        .i32(0)
        .callIndirect(signature),
    ).toThrow('call_indirect takes i32, and there is f32');
    const none = new FunctionBody('h', { parameters: [], results: [] });
    expect(() => none.block((end) => void none.brTable([end]))).toThrow('br_table takes i32');
  });

  it('throws where an operand is wrong', () => {
    const f = () => new FunctionBody('f', { parameters: ['i32', 'f32'], results: ['i32'] });
    expect(() => f().do('i32.add')).toThrow('f: i32.add takes i32, and there is nothing');
    const mixed = f();
    expect(() => mixed.get(...mixed.parameters).do('i32.add')).toThrow(
      'i32.add takes i32, and there is f32',
    );
    const other = f();
    expect(() => other.get(other.parameters[1]!).set(other.parameters[0]!)).toThrow(/local.set/);
    const callee = imported('g', { parameters: ['v128'], results: [] }, () => {});
    expect(() => f().i32(1).call(callee)).toThrow('call g takes v128, and there is i32');
    expect(() => f().block(() => void f)).not.toThrow();
    const left = f();
    expect(() => left.block(() => void left.i32(1))).toThrow(/end of a block has \[i32\]/);
    // What lies below a block is not its own.
    const below = f();
    expect(() =>
      below
        .i32(1)
        .i32(2)
        .block(() => void below.do('i32.add')),
    ).toThrow(/nothing/);
    expect(() => instantiated(memory(), [f()], [])).toThrow(/the end has \[\]/);
    expect(() => instantiated(memory(), [f().i32(1).do('drop').i32(2).i32(3)], [])).toThrow(/end/);
    const missing = f().i32(1).do('i32.eqz');
    missing.do('drop').f32(0).do('f32.abs');
    expect(() => instantiated(memory(), [missing], [])).toThrow('should have [i32]');
    const alien = new FunctionBody('h', { parameters: [], results: [] }).call(
      imported('elsewhere', { parameters: [], results: [] }, () => {}),
    );
    expect(() => instantiated(memory(), [alien], [])).toThrow('elsewhere is called');
  });

  it('knows what comes after a branch', () => {
    const f = new FunctionBody('f', { parameters: ['i32'], results: ['i32'] });
    const [x] = f.parameters;
    f.block((out) => {
      f.get(x!).brIf(out);
      f.i32(7).return();
    });
    f.get(x!).if(() => void f.i32(8).return());
    f.i32(9);
    const { f: run } = instantiated(memory(), [f], []);
    expect([run!(0), run!(1)]).toEqual([7, 8]);
  });

  it('multiplies and adds, as one instruction where the engine has it', () => {
    // Of a child process that is to have it, or not to.
    const expected = process.env.EXPECTED_FMA;
    if (expected !== undefined) expect(hasMultiplyAdd).toBe(expected === '1');
    const space = memory();
    for (const isOne of hasMultiplyAdd ? [false, true] : [false]) {
      const f = new FunctionBody('f', { parameters: ['f32'], results: ['f32'] });
      const g = new FunctionBody('g', { parameters: ['f64'], results: ['f64'] });
      const [sum, total] = [f.local('v128'), g.local('v128')];
      f.f32x4(5).set(sum).get(f.parameters[0]).do('f32x4.splat').f32x4(3);
      addProduct(f, sum, 'f32x4', isOne).get(sum).lane('f32x4.extract_lane', 2);
      g.f64x2(5).set(total).get(g.parameters[0]).do('f64x2.splat').f64x2(3);
      addProduct(g, total, 'f64x2', isOne).get(total).lane('f64x2.extract_lane', 1);
      const made = instantiated(space, [f, g], []);
      expect([made.f!(2), made.g!(-2)]).toEqual([11, -1]);
    }
  });
});
