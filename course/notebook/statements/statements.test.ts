import { InputError } from 'implicit-lab';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../../output';
import { figure } from '../figure';
import type { Sink } from '../kernel';
import { table } from '../table';
import { CLAIM, ClaimError, claim, predict } from './index';

const host = globalThis as Record<symbol, unknown>;
const hook = (name: string) => Symbol.for(`implicit-kernel.${name}`);
let shown: Bundle[];
let sink: Sink | undefined;

/** A notebook that no person runs. */
beforeEach(() => {
  shown = [];
  sink = undefined;
  host[hook('display')] = (bundle: Bundle, update: boolean) =>
    sink ? sink.display(bundle, update) : shown.push(bundle);
  host[hook('redirect')] = async (into: Sink, run: () => Promise<unknown>) => {
    sink = into;
    try {
      return await run();
    } finally {
      sink = undefined;
    }
  };
  host[hook('sink')] = () => sink;
});

afterEach(() => {
  for (const name of ['display', 'redirect', 'sink']) delete host[hook(name)];
  vi.unstubAllEnvs();
});

describe('claim', () => {
  const less = (a: number, b: number) => () => ({ holds: a < b, momentum: a, implicit: b });

  it('shows a true sentence with its numbers, for readers and for programs', () => {
    claim('momentum ends below', less(0.123456, 0.5));
    const { data } = shown[0]!;
    expect(data['text/plain']).toBe('✓ momentum ends below (momentum 0.1235, implicit 0.5)');
    expect(data['text/html']).toContain('momentum ends below');
    expect(data[CLAIM]).toEqual({
      sentence: 'momentum ends below',
      holds: true,
      timed: false,
      numbers: { momentum: 0.123456, implicit: 0.5 },
    });
  });

  it('shows a false one and throws', () => {
    expect(() => claim('momentum ends below', less(2, 1))).toThrow(ClaimError);
    expect(shown[0]!.data['text/plain']).toMatch(/^✗ momentum ends below/);
  });

  it('does not hold by NaN, or by the largest of no numbers', () => {
    const idle = (worst: number) => () =>
      claim('none is above 1', () => ({ holds: !(worst > 1), worst }));
    expect(idle(Number.NaN)).toThrow(InputError);
    expect(idle(Math.max())).toThrow(/empty list/);
    expect(idle(0.5)).not.toThrow();
  });

  it('throws for NaN, which is not below anything', () => {
    expect(() => claim('it ends below', less(Number.NaN, 1))).toThrow(ClaimError);
  });

  it('collects what is false where the course runs on other seeds', () => {
    vi.stubEnv('IMPLICIT_LAB_CLAIMS', 'report');
    claim('momentum ends below', less(2, 1));
    expect(shown[0]!.data[CLAIM]).toMatchObject({ holds: false });
  });

  it('insists on seconds only where notebooks are built, and says elsewhere that they differ', () => {
    const slow = less(2, 1);
    claim('it takes less', slow, { timed: true });
    expect(shown[0]!.data['text/plain']).toBe(
      '✗ it takes less (momentum 2, implicit 1; seconds differ by machine)',
    );
    expect(() => claim('it ends below', slow)).toThrow(ClaimError);
    vi.stubEnv('IMPLICIT_LAB_CLAIMS', 'build');
    expect(() => claim('it takes less', slow, { timed: true })).toThrow(ClaimError);
  });

  it('keeps markup in sentences harmless', () => {
    claim('a < b & c', less(1, 2));
    expect(shown[0]!.data['text/html']).toContain('a &#60; b &#38; c');
  });

  it('refuses a sentence without numbers, and a finding that is not true or false', () => {
    expect(() => claim('it holds', () => ({ holds: true }))).toThrow(InputError);
    expect(() => claim('it holds', () => ({ holds: 1 as never, a: 1 }))).toThrow(InputError);
    expect(() => claim(' ', less(1, 2))).toThrow(InputError);
    expect(shown).toEqual([]);
  });
});

describe('predict', () => {
  const choices = ['SGD', 'momentum'];
  const html = () => String(shown[0]!.data['text/html']);

  it('folds what comes out under the question, in one output', async () => {
    await predict('Which ends lowest?', choices, async () => {
      await figure(
        [{ x: [0, 1], y: [1, 2] }],
        { xaxis: { title: 'step' }, yaxis: { title: 'loss' } },
        { words: 'Momentum falls to 1.' },
      );
      table([{ method: 'momentum', loss: 1 }]);
      claim('momentum ends lowest', () => ({ holds: true, loss: 1 }));
    });
    expect(shown).toHaveLength(1);
    const [question, folded] = html().split('<details');
    expect(question).toContain('Which ends lowest?');
    expect(question).toContain('<li>momentum</li>');
    expect(question).not.toContain('falls to 1');
    expect(folded).toMatch(/data:image\/png;base64,.*Momentum falls to 1\..*<table.*✓/s);
    expect(shown[0]!.data['text/plain']).toContain('Momentum falls to 1.');
    expect(shown[0]!.metadata).toMatchObject({
      'implicit-lab': { figures: [{ data: expect.anything() }], claims: [{ holds: true }] },
    });
  });

  it('fails where the outcome fails, after it has shown what came', async () => {
    const outcome = () => claim('it holds', () => ({ holds: false, a: 1 }));
    await expect(predict('Does it?', choices, outcome)).rejects.toThrow(ClaimError);
    expect(html()).toContain('✗');
  });

  it('prints the question in a script, and runs', async () => {
    delete host[hook('display')];
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    const show = vi.fn();
    await predict('Which ends lowest?', choices, show);
    expect(log).toHaveBeenCalledExactlyOnceWith('Which ends lowest? (SGD / momentum)');
    expect(show).toHaveBeenCalledOnce();
    log.mockRestore();
  });

  it.each([[['one']], [['same', 'same']], [[]]])('refuses the choices %j', async (wrong) => {
    await expect(predict('Which?', wrong, () => {})).rejects.toThrow(InputError);
  });

  it('refuses to ask nothing', async () => {
    await expect(predict('', choices, () => {})).rejects.toThrow(InputError);
  });
});
