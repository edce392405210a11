import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { Exercise } from './exercise';
import { judge } from './judge';
import { todo } from './todo';
import { verdictHtml, verdictText } from './verdict';

type Double = (x: Float64Array) => Float64Array;

const counts = { calls: 0 };

const exercise: Exercise<Double> = {
  id: 'double-01',
  lesson: '00',
  title: 'Twice',
  difficulty: 1,
  minutes: 1,
  needs: [],
  reference: (x) => x.map((value) => 2 * value),
  probes: [
    { name: 'short', args: () => [Float64Array.of(1, -2)] },
    { name: 'long', args: () => [Float64Array.of(0.5, 3, 4)] },
  ],
  fresh: (seed) => [Float64Array.of(1 + (seed % 97), 3)],
  properties: [
    {
      name: 'is a sum of two',
      complaint: ({ args: [x], result }) =>
        result.some((value, i) => Math.sign(value) !== Math.sign(x[i]!))
          ? 'A sign has changed.'
          : undefined,
    },
    {
      name: 'does not count',
      complaint: () => (counts.calls > 0 ? `It counted to ${counts.calls}.` : undefined),
    },
  ],
  mutants: [
    { name: 'half', answer: (x) => x.map((value) => value / 2), diagnosis: 'Divided by two.' },
    { name: 'reversed', answer: (x) => x.map((value) => 2 * value).reverse(), diagnosis: 'Order.' },
    {
      name: 'cut',
      answer: (x) => x.map((value) => 2 * value).slice(1),
      diagnosis: 'First is gone.',
    },
    { name: 'throws on long', answer: (x) => pick(x), diagnosis: 'Fine for two.' },
    {
      name: 'counts',
      answer: (x) => x.map((value) => 2 * value),
      diagnosis: 'Why count?',
      caughtBy: 'does not count',
    },
  ],
  alternatives: [],
  hints: [],
};

function pick(x: Float64Array) {
  if (x.length > 2) throw new RangeError('too long');
  return Float64Array.of(2, 2);
}

const verdict = (answer: unknown, seconds = 10) => judge(exercise, answer, { seconds });

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('what is right is accepted', () => {
  it.each<[string, Double | ((x: Float64Array) => unknown)]>([
    ['a promise', async (x) => x.map((value) => 2 * value)],
    ['plain numbers', (x) => Array.from(x, (value) => 2 * value)],
    ['single precision', (x) => Float32Array.from(x, (value) => 2 * value)],
    ['a tensor', (x) => tf.tensor1d([...x].map((value) => 2 * value))],
    ['a promise of a tensor', async (x) => tf.tensor1d([...x].map((value) => 2 * value))],
    ['rounding errors', (x) => x.map((value) => 2 * value * (1 + 1e-12))],
    ['a class that is callable', Object.assign((x: Float64Array) => x.map((v) => v + v), { a: 1 })],
  ])('%s', async (_, answer) => {
    expect(await verdict(answer)).toMatchObject({ passed: true, status: 'right', remarks: [] });
  });

  it('one buffer that is used for every result', async () => {
    const buffer = new Float64Array(9);
    const answer = (x: Float64Array) => {
      const part = buffer.subarray(0, x.length);
      x.forEach((value, i) => {
        part[i] = 2 * value;
      });
      return part;
    };
    expect(await verdict(answer)).toMatchObject({ status: 'right' });
  });

  it('inputs that were changed, with a remark', async () => {
    const { status, remarks } = await verdict((x: Float64Array) => {
      for (let i = 0; i < x.length; i++) x[i]! *= -2;
      return x.map((value) => -value);
    });
    expect(status).toBe('right'); // The property that looks at signs sees the inputs as they were.
    expect(remarks).toEqual([expect.stringContaining('changes its argument 1')]);
  });

  it('tensors that were left behind, with a remark', async () => {
    const { status, remarks } = await verdict((x: Float64Array) =>
      tf.tensor1d([...x]).add(tf.tensor1d([...x])),
    );
    expect(status).toBe('right');
    expect(remarks).toEqual([expect.stringContaining('4 tensors were left behind in 2 calls')]);
  });
});

describe('what is wrong is called by its name', () => {
  it.each([
    ['half', (x: Float64Array) => x.map((value) => value / 2)],
    ['reversed', (x: Float64Array) => Array.from(x, (value) => 2 * value).reverse()],
    ['cut', async (x: Float64Array) => x.map((value) => 2 * value).slice(1)],
    ['throws on long', pick],
  ])('the mutant "%s"', async (name, answer) => {
    const { status, mistake, evidence } = await verdict(answer);
    expect({ status, mistake }).toEqual({ status: 'mistake', mistake: name });
    if (name === 'half') {
      expect(evidence[0]).toEqual({ probe: 'short', entry: 'entry [1]', yours: -1, right: -4 });
    }
  });

  it('right numbers with a property that does not hold', async () => {
    counts.calls = 7;
    const found = await verdict(exercise.reference);
    counts.calls = 0;
    expect(found).toMatchObject({ status: 'mistake', mistake: 'counts', passed: false });
    expect(found.explanation).toContain('It counted to 7.');
  });

  it('results of the probes that are known by heart, whatever comes of other arguments', async () => {
    const [short, long] = [Float64Array.of(2, -4), Float64Array.of(1, 6, 8)];
    const known = (otherwise: (x: Float64Array) => unknown) => (x: Float64Array) =>
      x.length === 3 ? long : x[1] === -2 ? short : otherwise(x);
    const guessed = await verdict(known(([first]) => [2 * first!, 1]));
    expect(guessed).toMatchObject({
      status: 'differs',
      title: 'right on the known probes alone',
      evidence: [{ probe: 'newly drawn', entry: 'entry [1]', yours: 1, right: 6 }],
    });
    expect(guessed.explanation).toMatch(/never change.*drawn anew/);
    const missing = await verdict(known((x) => (x as unknown as number[][])[9]![0]));
    expect(missing).toMatchObject({ status: 'threw' });
    expect(missing.explanation).toMatch(/drawn anew.*On the newly drawn probe: .TypeError/s);
    expect(await verdict(known(exercise.reference))).toMatchObject({ status: 'right' });
  });

  it('new arguments decide where an answer fails on three draws of them, not on two', async () => {
    const failingAt = (draws: number[]) => {
      const seen: number[] = [];
      return (x: Float64Array) => {
        if (!seen.includes(x[0]!)) seen.push(x[0]!);
        const off = draws.includes(seen.indexOf(x[0]!) + 1 - known) ? 1 : 0;
        return x.map((value) => (2 + off) * value);
      };
    };
    const fresh = (seed: number): [Float64Array] => [Float64Array.of(10 + seed, 3)];
    const plain: Exercise<Double> = { ...exercise, properties: [], fresh };
    const known = plain.probes.length;
    const failing = (draws: number[]) => judge(plain, failingAt(draws));
    expect(await failing([1, 2])).toMatchObject({ status: 'right' });
    expect(await failing([1, 2, 3])).toMatchObject({ status: 'differs' });
  });

  it('another cost than a known one is not called by its name', async () => {
    // It says 2 of the answer, and 1 of the mutant.
    const costly: Exercise<Double> = {
      ...exercise,
      properties: [
        {
          name: 'does not count',
          complaint: () => (counts.calls > 0 ? `It counted to ${counts.calls--}.` : undefined),
        },
      ],
    };
    counts.calls = 2;
    const found = await judge(costly, exercise.reference);
    counts.calls = 0;
    expect(found).toMatchObject({ status: 'property', mistake: 'does not count' });
    expect(found.explanation).toBe('It counted to 2.');
  });

  it('a mutant with right numbers explains no wrong ones, however near', async () => {
    const times = (factor: number) => (x: Float64Array) => x.map((value) => 2 * factor * value);
    const off = {
      name: 'off',
      answer: times(1 + 8e-7),
      diagnosis: 'Off.',
      caughtBy: 'does not count',
    };
    const strict: Exercise<Double> = { ...exercise, mutants: [off] };
    const found = await judge(strict, times(1 + 1.6e-6));
    expect(found).toMatchObject({
      status: 'differs',
      explanation:
        'It is close, but not close enough: the relative difference is 1.60×10⁻⁶, and at most 1×10⁻⁶ is asked for.',
    });
  });

  it('the same error on every probe is not a common mistake', async () => {
    const throwing: Exercise<Double> = {
      ...exercise,
      mutants: [
        {
          name: 'throws',
          answer: () => {
            throw new Error('one');
          },
          diagnosis: 'Throws.',
        },
      ],
    };
    const found = await judge(throwing, () => {
      throw new RangeError('another');
    });
    expect(found.status).toBe('threw');
  });

  it('a cost that some mutant has is not an explanation of wrong numbers', async () => {
    counts.calls = 7;
    const found = await verdict((x: Float64Array) => x.map((value) => value ** 3));
    counts.calls = 0;
    expect(found.status).toBe('differs');
  });

  it('a property, where no mutant fits', async () => {
    const found = await verdict((x: Float64Array) => x.map((value, i) => -(3 + i) * value));
    expect(found).toMatchObject({ status: 'property', mistake: 'is a sum of two' });
  });

  it('a constant factor, an accuracy that is not enough, a probe that is special', async () => {
    const factor = await verdict((x: Float64Array) => x.map((value) => 6 * value));
    expect(factor.explanation).toContain('3 times the right one');
    const sign = await verdict((x: Float64Array) => x.map((value) => -2 * value));
    // The factor explains all of the numbers; that a property fails as well explains nothing more.
    expect(sign).toMatchObject({ status: 'differs', explanation: expect.stringContaining('sign') });
    const loose = await verdict((x: Float64Array) => x.map((v, i) => 2 * v * (1 + 1e-4 * (i + 1))));
    expect(loose.explanation).toContain(
      'close, but not close enough: the relative difference is 0.000',
    );
    // Half of it is not close, however little is asked for.
    const lax: Exercise<Double> = { ...exercise, tolerance: 0.01, mutants: [], properties: [] };
    const far = await judge(lax, (x: Float64Array) => x.map((v, i) => 2 * v * (1 + 0.5 / (i + 1))));
    expect(far.explanation).toContain('No known mistake gives this result');
    const special = await verdict((x: Float64Array) =>
      x.map((v) => (x.length > 2 ? v + 9 : 2 * v)),
    );
    expect(special.explanation).toContain('right on the *short* probe');
  });

  it('what is kept from one call to the next, by a second call', async () => {
    let kept = 1;
    const { title, explanation } = await judge(exercise, (x: Float64Array) => {
      kept *= -3;
      return x.map((value) => -kept * value);
    });
    expect(title).toBe('the result depends on the calls before');
    expect(explanation).toContain('*short* probe');
    const steady = await judge(exercise, (x: Float64Array) => x.map((value) => 5 - value));
    expect(steady.title).not.toBe(title);
  });

  it('one part of a record, by its name, and enough digits to see it', async () => {
    const pair: Exercise<(x: Float64Array) => { sum: number; all: Float64Array }> = {
      ...exercise,
      reference: (x) => ({ sum: x.reduce((a, b) => a + b), all: x }),
      probes: [1, 2, 3].map((n) => ({
        name: String(n),
        args: () => [Float64Array.of(n, 2.5)] as [Float64Array],
      })),
      fresh: () => [Float64Array.of(4, 2.5)],
      properties: [],
      mutants: [],
    };
    const sign = await judge(pair, (x: Float64Array) => ({
      sum: -x.reduce((a, b) => a + b),
      all: x,
    }));
    expect(sign.explanation).toBe(
      'Only `sum` differs. `sum` has the opposite sign, on all probes.',
    );
    const bare = await judge(pair, (x: Float64Array) => x);
    expect(bare.explanation).toContain('should be a record with sum, all, but is 2 numbers.');
    const half = await judge(pair, (x: Float64Array) => ({ all: x }));
    expect(half.explanation).toContain('a record with sum, all, but is a record with all.');
    const close = await judge(pair, (x: Float64Array) => ({ sum: x[0]! + 2.5 + 4e-6, all: x }));
    expect(verdictText(close)).toContain('yours 3.5000040, right 3.5');
  });

  it('a property that calls the answer again, with arguments that stay as they are', async () => {
    const linear: Exercise<Double> = {
      ...exercise,
      properties: [
        {
          name: 'is linear',
          async complaint({ args: [x], answer }) {
            const [once, twice] = [await answer(x), await answer(x.map((value) => 2 * value))];
            return twice.every((value, i) => value === 2 * once[i]!) ? undefined : 'Not linear.';
          },
        },
      ],
      mutants: [],
    };
    const inPlace = (x: Float64Array) => {
      for (let i = 0; i < x.length; i++) x[i]! *= 2;
      return x;
    };
    expect(await judge(linear, inPlace)).toMatchObject({ status: 'right' });
  });

  it.each<[string, unknown, string, RegExp]>([
    ['nothing', undefined, 'not-a-function', /nothing \(undefined\)/],
    ['the result of a call', Float64Array.of(2), 'not-a-function', /1 number/],
    ['no return', () => {}, 'shape', /nothing \(undefined\).*`return` missing/],
    ['a number', () => 3, 'shape', /should be 2 numbers, but is a number/],
    ['a record', () => ({ x: 1 }), 'shape', /should be 2 numbers/],
    ['a hole', () => [1], 'shape', /list of 1 number/],
    ['words', (x: Float64Array) => Array.from(x, String), 'shape', /2 numbers/],
    ['a function', () => () => 1, 'shape', /a function/],
    ['a NaN', (x: Float64Array) => x.map((v) => v * 2 + Number.NaN), 'not-finite', /division by 0/],
    ['an infinity', (x: Float64Array) => x.map((v) => v / 0), 'not-finite', /division by 0/],
  ])('%s', async (_, answer, status, words) => {
    const found = await verdict(answer);
    expect(found.status).toBe(status);
    expect(found.explanation).toMatch(words);
  });

  it('the stub, also where it throws later', async () => {
    expect(await verdict(() => todo())).toMatchObject({ status: 'to-do', passed: false });
    expect(await verdict(async () => todo())).toMatchObject({ status: 'to-do', passed: false });
  });
});

it('an interrupt ends the check, and is not taken for a mistake', async () => {
  const interrupt = Object.assign(new Error('the cell was interrupted'), {
    name: 'KeyboardInterrupt',
  });
  const interrupted = () => {
    throw interrupt;
  };
  await expect(verdict(interrupted)).rejects.toBe(interrupt);
});

describe('whatever an answer does, there is a verdict', () => {
  const nasty = new Proxy(
    {},
    {
      get() {
        throw new Error('hands off');
      },
      has() {
        throw new Error('hands off');
      },
      getPrototypeOf() {
        throw new Error('hands off');
      },
    },
  );
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  it.each<[string, unknown, string]>([
    [
      'throws a word',
      () => {
        throw 'word';
      },
      'threw',
    ],
    [
      'throws nothing',
      () => {
        throw undefined;
      },
      'threw',
    ],
    [
      'throws a proxy',
      () => {
        throw nasty;
      },
      'threw',
    ],
    ['returns a proxy', () => nasty, 'threw'],
    ['rejects', () => Promise.reject(new Error('no')), 'threw'],
    [
      'returns something with a broken then',
      () =>
        Object.defineProperty({}, `the${'n'}`, {
          get() {
            throw 1;
          },
        }),
      'threw',
    ],
    ['returns a cycle', () => cyclic, 'shape'],
    ['returns far too much', () => new Float64Array(6e6), 'threw'],
    [
      'recurses',
      function again(): unknown {
        return again();
      },
      'threw',
    ],
    ['returns a class', () => class {}, 'shape'],
    ['is a class', class {}, 'threw'],
    ['is a proxy of a function', new Proxy(() => 1, { apply: () => nasty }), 'threw'],
    [
      'returns a disposed tensor',
      () => {
        const t = tf.scalar(1);
        t.dispose();
        return t;
      },
      'threw',
    ],
    ['returns a symbol', () => Symbol('x'), 'shape'],
    ['returns big integers', () => [1n, 2n], 'shape'],
    [
      'spoils its arguments',
      (x: Float64Array) => {
        x.fill(Number.NaN);
        return x;
      },
      'not-finite',
    ],
  ])('%s', async (_, answer, status) => {
    const found = await verdict(answer);
    expect(found.status, found.explanation).toBe(status);
    expect(verdictText(found)).toContain('✗ double-01');
    expect(verdictHtml(found)).toContain('double-01');
  });

  it('never settles', async () => {
    const found = await verdict(() => new Promise(() => {}), 0.05);
    expect(found).toMatchObject({ status: 'too-slow' });
  });

  it('takes too long, though right', async () => {
    const slow = (x: Float64Array) => {
      const end = performance.now() + 40;
      while (performance.now() < end);
      return x.map((value) => 2 * value);
    };
    const found = await verdict(slow, 0.06);
    expect(found).toMatchObject({ status: 'too-slow', passed: false });
    expect(found.explanation).toContain('The numbers are right, but');
  });

  it('never settles when a property calls it again', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const limits: Exercise<Double> = {
      ...exercise,
      properties: [
        {
          name: 'works for nothing',
          complaint: async ({ answer }) => (await answer(new Float64Array(0))) && undefined,
        },
      ],
    };
    const answer = (x: Float64Array) =>
      x.length === 0 ? new Promise(() => {}) : x.map((value) => 2 * value);
    const judged = judge(limits, answer);
    const timer = setInterval(() => vi.advanceTimersByTime(60_000), 5);
    const found = await judged;
    clearInterval(timer);
    vi.useRealTimers();
    expect(found).toMatchObject({ status: 'property', mistake: 'works for nothing' });
    expect(found.explanation).toContain('no end after');
  });

  it('leaves no tensors of its own', async () => {
    type Twice = (x: tf.Tensor1D) => tf.Tensor1D;
    const twice: Exercise<Twice> = {
      ...exercise,
      reference: (x) => tf.mul(x, 2),
      tolerance: 1e-3,
      probes: [{ name: 'only', args: () => [tf.tensor1d([1, 2])] as [tf.Tensor1D] }],
      fresh: (seed) => [tf.tensor1d([1, 1 + (seed % 97)])],
      properties: [
        {
          name: 'doubles twice',
          async complaint({ args: [x], answer }) {
            const [a, b] = [await answer(x), await answer(x)];
            return tf.tidy(() => tf.sum(tf.sub(a, b)).dataSync()[0]) === 0 ? undefined : 'No.';
          },
        },
      ],
      mutants: [{ name: 'half', answer: (x) => tf.div(x, 2), diagnosis: 'Divided by two.' }],
      alternatives: [],
    };
    const before = tf.memory().numTensors;
    const right = [
      (x: tf.Tensor1D) => tf.add(x, x),
      async (x: tf.Tensor1D) => Array.from(await x.data(), (value) => 2 * value),
    ];
    for (const answer of right) {
      expect(await judge(twice, answer)).toMatchObject({ status: 'right', remarks: [] });
    }
    const half = await judge(twice, (x: tf.Tensor1D) => tf.div(x, 2));
    expect(half).toMatchObject({ mistake: 'half', remarks: [] });
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('escapes what an answer says', async () => {
  const found = await verdict(() => {
    throw new Error('<script>`$x$`');
  });
  expect(verdictHtml(found)).not.toContain('<script>');
});
