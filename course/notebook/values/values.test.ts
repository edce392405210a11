import * as tf from '@tensorflow/tfjs';
import { cg, explain, linearize } from 'implicit-lab';
import { describe, expect, it } from 'vitest';
import { showValues, valueText } from './index';

const diagonal = {
  apply: (v: Float64Array) => v.map((x, i) => (i + 1) * x),
  dispose() {},
};

describe('the text of a value', () => {
  it('tells a tensor by shape, type and range, with aligned numbers', async () => {
    const tensor = tf.tensor([
      [1.5, 2, 3],
      [-4, 5.25, 1000],
    ]);
    expect(await valueText(tensor)).toBe(
      [
        'Tensor: [2, 3] float32: min −4, mean 168.0, max 1,000',
        '',
        '    1.5        2          3',
        '   −4          5.250  1,000',
      ].join('\n'),
    );
  });

  it('lists few numbers, and names a variable', async () => {
    expect(await valueText(tf.scalar(3.25))).toBe('Tensor: scalar float32: 3.250');
    const variable = tf.variable(tf.tensor1d([1, 2], 'int32'), true, 'w');
    expect(await valueText(variable)).toBe("Variable 'w': [2] int32: 1, 2");
    variable.dispose();
  });

  it('shows the first of many rows, columns and slices', async () => {
    const text = (await valueText(tf.range(0, 4000).reshape([2, 40, 50])))!;
    const lines = text.split('\n');
    expect(lines[2]).toBe('[0, :, :]');
    expect(lines[3]).toMatch(/^ +0 +1 +2 +3 +4 +5 +6 +7 {2}…$/);
    expect(lines[4]).toMatch(/^ *50 +51 /);
    expect(lines.length).toBe(3 + 6 + 1);
    expect(lines.at(-1)).toBe('⋮');
  });

  it('reads of a very large tensor only what it shows', async () => {
    const tensor = tf.ones([1100, 1000]);
    const before = tf.memory().numTensors;
    const lines = (await valueText(tensor))!.split('\n');
    expect(lines.slice(0, 3)).toEqual(['Tensor: [1100, 1000] float32', '', `${'1  '.repeat(8)}…`]);
    expect(lines.at(-1)).toBe('⋮');
    expect(tf.memory().numTensors).toBe(before);
    tensor.dispose();
  });

  it('says that a tensor is disposed, has no numbers, or other values', async () => {
    const gone = tf.zeros([2, 2]);
    gone.dispose();
    expect(await valueText(gone)).toBe('Tensor: [2, 2] float32, disposed');
    expect(await valueText(tf.zeros([0, 3]))).toBe('Tensor: [0, 3] float32');
    expect(await valueText(tf.tensor(['a"', 'b']))).toBe('Tensor: [2] string\n\n"a\\"", "b"');
    expect(await valueText(tf.tensor([true, false]))).toBe('Tensor: [2] bool: 1 of 2 true\n\n1  0');
  });

  it('counts what is not finite', async () => {
    expect(await valueText(Float64Array.of(1, 2, 3, Number.NaN, Number.POSITIVE_INFINITY))).toMatch(
      /^Float64Array of 5: min 1, mean 2, max 3, 2 not finite\n\n/,
    );
    expect(await valueText(new Float32Array(9).fill(Number.NaN))).toMatch(/: 9 not finite\n/);
    expect(await valueText(new Float64Array())).toBe('Float64Array of 0');
    expect(await valueText(Float64Array.of(1, Number.NaN))).toBe('Float64Array of 2: 1, NaN');
  });

  it('tells how a solve ended', async () => {
    const solution = await cg({ tolerance: 1e-10 }).solve(diagonal, Float64Array.of(1, 2, 3));
    expect(await valueText(solution)).toBe(
      '✓ converged after 3 iterations, residual norm 0\nvalue  Float64Array of 3: 1, 1, 1',
    );
    const report = { status: 'max-iterations', iterations: 5, residualNorm: 0.01 };
    expect(await valueText(report)).toBe('✗ not converged after 5 iterations, residual norm 0.01');
  });

  it('tells a backend by device and reason', async () => {
    const report = {
      ...{ name: 'wasm', device: 'a processor', threads: 4, why: 'the best that works here' },
      passedOver: [{ name: 'webgpu', reason: 'no driver' }],
    };
    expect(await valueText(report)).toBe(
      'wasm on a processor, 4 threads\nthe best that works here\nPassed over: webgpu, no driver',
    );
    const told = {
      why: 'the best that works here; webgpu: no driver',
      blas: 'OpenBLAS 0.3.21 ZEN',
    };
    expect(await valueText({ ...report, ...told })).toBe(
      'wasm on a processor, 4 threads, matrix products by OpenBLAS 0.3.21\nthe best that works here; webgpu: no driver',
    );
  });

  it('tells an operator by its products', async () => {
    expect(await valueText(diagonal)).toBe('Linear operator, known by its products A·v (apply)');
    expect(await valueText({ ...diagonal, transpose: diagonal.apply })).toMatch(/Aᵀ·v/);
  });

  it('aligns records of tensors and numbers, with records in them', async () => {
    const record = {
      value: { w: tf.zeros([4, 10]), b: tf.ones([2]) },
      adjoint: undefined,
      stats: { status: 'converged', seconds: 0.31, zero: [] },
    };
    expect(await valueText(record)).toBe(
      [
        'value',
        '  w  [4, 10] float32: min 0, mean 0, max 0',
        '  b  [2] float32: 1, 1',
        'stats',
        '  status   converged',
        '  seconds  0.3 s',
        '  zero     none',
      ].join('\n'),
    );
    expect(await valueText([tf.scalar(1), Float64Array.of(2)])).toBe(
      '0  scalar float32: 1\n1  Float64Array of 1: 2',
    );
  });

  it.each([1, 'text', null, [1, 2], { a: 1 }, new Map(), Buffer.from('a'), cg()])(
    'is left to Node.js for %o',
    async (value) => {
      expect(await valueText(value)).toBeUndefined();
    },
  );

  it('is handed to the kernel', async () => {
    const key = Symbol.for('implicit-kernel.formatters');
    showValues();
    showValues();
    const formatters = (globalThis as unknown as Record<symbol, Map<string, unknown>>)[key]!;
    expect([...formatters.keys()]).toEqual(['implicit-lab']);
    const format = formatters.get('implicit-lab') as (value: unknown) => Promise<unknown>;
    expect(await format(tf.scalar(1))).toEqual({ 'text/plain': 'Tensor: scalar float32: 1' });
    expect(await format(1)).toBeUndefined();
  });

  it('is a table for what explain returns, with the same lines as text', async () => {
    const J = linearize(({ a }) => tf.exp(a!), { a: tf.tensor1d([1, 2]) });
    const explanation = explain(J);
    J.dispose();
    const key = Symbol.for('implicit-kernel.formatters');
    showValues();
    const formatters = (globalThis as unknown as Record<symbol, Map<string, unknown>>)[key]!;
    const format = formatters.get('implicit-lab') as (value: unknown) => Promise<never>;
    const shown: Record<string, string> = await format(explanation);
    expect(shown['text/plain']).toBe(String(explanation));
    expect(shown['text/html']).toContain('<table');
    const [, graph] = /src="data:image\/svg\+xml,([^"]*)"/.exec(shown['text/html']!)!;
    const svg = decodeURIComponent(graph!);
    expect(svg.match(/<rect/g)).toHaveLength(2);
    expect(svg.match(/marker-end/g)).toHaveLength(1);
    for (const cell of ['Exp', '[2] → [2]', 'elementwise', 'Multiply']) {
      expect(shown['text/html']).toContain(cell);
    }
  });
});
