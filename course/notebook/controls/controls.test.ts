import { AsyncLocalStorage } from 'node:async_hooks';
import { InputError } from 'implicit-lab';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Bundle } from '../../output';
import { figure } from '../figure';
import type { CommEvent, CommExtras, Sink } from '../kernel';
import { predict } from '../statements';
import { table } from '../table';
import type { Control } from './control';
import { button, dropdown, interact, slider } from './index';

/** A front end and its kernel, as the controls see them. */
class FrontEnd {
  readonly shown: Bundle[] = [];
  readonly models = new Map<string, { state: Record<string, unknown>; metadata: unknown }>();
  readonly sent: { id: string; data: Record<string, unknown>; buffers: number }[] = [];
  attended = true;
  private readonly heard = new Map<string, (event: CommEvent) => void>();
  private readonly targets = new Map<string, (comm: never) => void>();
  private readonly sinks = new AsyncLocalStorage<Sink>();
  private last: Sink | undefined;

  /** What the kernel puts on `globalThis`. */
  hooks(): Record<string, unknown> {
    return {
      display: (bundle: Bundle, update: boolean) => {
        const sink = this.sinks.getStore();
        if (sink) sink.display(bundle, update);
        else this.shown.push(bundle);
      },
      attended: () => this.attended,
      comms: {
        open: (_: string, data: { state: Record<string, unknown> }, extras?: CommExtras) => {
          const comm = this.comm(`m${this.models.size}`);
          this.models.set(comm.id, { state: { ...data.state }, metadata: extras?.metadata });
          return comm;
        },
        register: (target: string, opened: (comm: never) => void) =>
          this.targets.set(target, opened),
      },
      redirect: (sink: Sink, run: () => unknown) => {
        this.last = sink;
        return this.sinks.run(sink, run);
      },
      sink: () => this.sinks.getStore(),
    };
  }

  /** The id of the one model of that kind. */
  id(model: string, index = 0): string {
    return [...this.models].filter(([, { state }]) => state._model_name === model)[index]![0];
  }

  state(model: string, index = 0) {
    return this.models.get(this.id(model, index))!.state;
  }

  /** What a reader does, on its way to the kernel. */
  say(id: string, data: Record<string, unknown>): void {
    this.heard.get(id)!({ data });
  }

  set(model: string, state: Record<string, unknown>): void {
    this.say(this.id(model), { method: 'update', state });
  }

  openFromPage(target: string): string {
    const comm = this.comm('page');
    this.targets.get(target)!(comm as never);
    return comm.id;
  }

  interruptDrawing(): void {
    this.last!.interrupted();
  }

  private comm(id: string) {
    return {
      id,
      send: (data: Record<string, unknown>, extras?: CommExtras) => {
        this.sent.push({ id, data, buffers: extras?.buffers?.length ?? 0 });
        if (data.method === 'update') Object.assign(this.models.get(id)!.state, data.state);
      },
      onMessage: (listener: (event: CommEvent) => void) => this.heard.set(id, listener),
      onClose: () => {},
    };
  }
}

const names = ['display', 'attended', 'comms', 'redirect', 'sink'];
const host = globalThis as Record<symbol, unknown>;
let page: FrontEnd;

beforeEach(() => {
  page = new FrontEnd();
  const hooks = page.hooks();
  for (const name of names) host[Symbol.for(`implicit-kernel.${name}`)] = hooks[name];
});

afterEach(() => {
  for (const name of names) delete host[Symbol.for(`implicit-kernel.${name}`)];
  vi.restoreAllMocks();
});

const turns = async (count = 5) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};
const view = (control: Control<unknown>) =>
  (control as unknown as Record<symbol, () => Record<string, unknown>>)[
    Symbol.for('Jupyter.display')
  ]!();
const h = () => slider({ min: 0, max: 2, value: 0.5, label: 'step size h' });
const titles = { xaxis: { title: 'step' }, yaxis: { title: 'error', range: [0, 1] } };

describe('slider', () => {
  it('is a slider of ipywidgets, opened by its protocol when it is shown', () => {
    const control = h();
    expect(page.models.size).toBe(0);
    const { model_id } = view(control)['application/vnd.jupyter.widget-view+json'] as {
      model_id: string;
    };
    expect(page.models.get(model_id)).toMatchObject({
      metadata: { version: '2.1.0' },
      state: {
        _model_module: '@jupyter-widgets/controls',
        _model_name: 'FloatSliderModel',
        _view_name: 'FloatSliderView',
        ...{ min: 0, max: 2, value: 0.5, step: 0.01 },
        description: 'step size h',
        readout_format: '.2f',
      },
    });
    const { layout, style } = page.state('FloatSliderModel') as Record<string, string>;
    for (const reference of [layout, style]) {
      expect(page.models.has(reference!.replace('IPY_MODEL_', ''))).toBe(true);
    }
  });

  it('follows the reader, without rounding errors, and echoes', () => {
    const control = h();
    const heard = vi.fn();
    control.onChange(heard);
    view(control);
    page.set('FloatSliderModel', { value: 0.1 + 0.2 });
    expect(control.value).toBe(0.3);
    expect(heard).toHaveBeenCalledOnce();
    expect(page.sent.at(-1)!.data).toEqual({
      method: 'echo_update',
      state: { value: 0.1 + 0.2 },
      buffer_paths: [],
    });
  });

  it('begins in the middle, in round steps', () => {
    expect(slider({ min: 0, max: 10, label: 'a' }).value).toBe(5);
    expect(slider({ min: 0.01, max: 1, label: 'a' }).value).toBe(0.5);
    expect(slider({ min: 1, max: 6, step: 2, label: 'a' }).value).toBe(3);
    expect(slider({ min: 1e-4, max: 1, scale: 'log', label: 'a' }).value).toBe(0.01);
  });

  it('has the ends of a log scale as exponents, and steps that meet its first value', () => {
    const control = slider({ min: 0.01, max: 10, value: 0.3, scale: 'log', label: 'λ' });
    view(control);
    const { min, max, step, value } = page.state('FloatLogSliderModel') as Record<string, number>;
    expect([min, max, value]).toEqual([-2, 1, 0.3]);
    const steps = (Math.log10(0.3) - min!) / step!;
    expect(steps).toBeCloseTo(Math.round(steps), 9);
    page.set('FloatLogSliderModel', { value: 0.123456 });
    expect(control.value).toBe(0.123);
  });

  it('is a sentence where nobody can drag it', () => {
    page.attended = false;
    expect(view(h())).toEqual({ 'text/plain': 'step size h = 0.5' });
    expect(page.models.size).toBe(0);
  });

  it.each([
    { min: 1, max: 1 },
    { min: 0, max: Number.POSITIVE_INFINITY },
    { min: 0, max: 1, value: 2 },
    { min: 0, max: 1, value: Number.NaN },
    { min: 0, max: 1, step: 0 },
    { min: 0, max: 1, scale: 'log' as const },
    { min: 0, max: 1, scale: 'cubic' as never },
    { min: 0, max: 1, label: ' ' },
  ])('refuses %o', (options) => {
    expect(() => slider({ label: 'h', ...options })).toThrow(InputError);
  });
});

describe('dropdown', () => {
  it('gives the option that the reader chooses', () => {
    const control = dropdown({ options: ['cg', 'neumann'], label: 'solver' });
    const value: 'cg' | 'neumann' = control.value;
    expect(value).toBe('cg');
    view(control);
    expect(page.state('DropdownModel')).toMatchObject({
      _options_labels: ['cg', 'neumann'],
      index: 0,
    });
    page.set('DropdownModel', { index: 1 });
    expect(control.value).toBe('neumann');
  });

  it('refuses no options, and a value that is none of them', () => {
    expect(() => dropdown({ options: [], label: 'a' })).toThrow(InputError);
    expect(() => dropdown({ options: [1, 2], value: 3 as 1, label: 'a' })).toThrow(/1, 2/);
  });
});

describe('button', () => {
  it('counts how often it is pressed', () => {
    const control = button({ label: 'Again' });
    view(control);
    const press = (event: string) =>
      page.say(page.id('ButtonModel'), { method: 'custom', content: { event } });
    press('click');
    press('something else');
    press('click');
    expect(control.value).toBe(2);
  });
});

describe('a page that is loaded again', () => {
  it('gets all models at once, as they are now', () => {
    view(h());
    page.set('FloatSliderModel', { value: 1 });
    const comm = page.openFromPage('jupyter.widget.control');
    page.say(comm, { method: 'request_states' });
    const { data } = page.sent.at(-1)!;
    expect(data.method).toBe('update_states');
    const states = data.states as Record<string, { state: { value?: number } }>;
    expect(states[page.id('FloatSliderModel')]).toMatchObject({
      model_name: 'FloatSliderModel',
      model_module: '@jupyter-widgets/controls',
      model_module_version: '2.0.0',
      state: { value: 1 },
    });
  });

  it('gets one model where it asks for one', () => {
    view(h());
    page.say(page.id('FloatSliderModel'), { method: 'request_state' });
    expect(page.sent.at(-1)!.data).toMatchObject({ method: 'update', state: { value: 0.5 } });
  });
});

describe('interact', () => {
  const outputs = () => page.state('AnyModel').outputs;
  const problem = () => page.state('AnyModel').problem;
  const print = ({ h }: { h: number }) => console.log(`h = ${h}`);

  beforeEach(() => {
    vi.spyOn(console, 'log').mockImplementation((text) =>
      (host[Symbol.for('implicit-kernel.display')] as (bundle: Bundle) => void)({
        data: { 'text/plain': text },
      }),
    );
  });

  it('shows the controls with the first drawing, and behind them the drawing for other readers', async () => {
    await interact({ h: h(), solver: dropdown({ options: ['cg'], label: 'solver' }) }, print);
    expect(page.shown.map(({ data }) => Object.keys(data))).toEqual([
      ['application/vnd.jupyter.widget-view+json', 'text/plain'],
      ['text/plain'],
    ]);
    expect(page.shown[0]!.data['text/plain']).toBe('step size h = 0.5, solver = cg');
    expect(page.state('VBoxModel').children).toEqual(
      ['FloatSliderModel', 'DropdownModel', 'AnyModel'].map((name) => `IPY_MODEL_${page.id(name)}`),
    );
    expect(outputs()).toEqual([{ kind: 'text', content: 'h = 0.5' }]);
    expect(page.state('AnyModel').stills).toBe(1);
  });

  it('draws again when a control is moved', async () => {
    await interact({ h: h() }, print);
    page.set('FloatSliderModel', { value: 1.5 });
    await turns();
    expect(outputs()).toEqual([{ kind: 'text', content: 'h = 1.5' }]);
    expect(page.shown.length).toBe(2);
  });

  it('draws pictures at first only', async () => {
    const drawn = vi.spyOn(await import('#platform/picture'), 'draw');
    await interact({ h: h() }, async ({ h }) => {
      await figure([{ x: [0, 1], y: [0, h], name: 'a' }], titles, {
        words: 'A line.',
        labels: 'ends',
      });
      table([{ h }]);
    });
    expect(Object.keys(page.shown[1]!.data)).toContain('image/png');
    expect(outputs()).toMatchObject([
      { kind: 'plotly' },
      { kind: 'html', content: expect.stringContaining('A line.') },
      { kind: 'html' },
    ]);
    page.set('FloatSliderModel', { value: 1.5 });
    await turns(10);
    const [{ content }] = outputs() as [{ content: { data: { y: number[] }[] } }];
    expect(content.data[0]!.y).toEqual([0, 1.5]);
    expect(drawn).toHaveBeenCalledOnce();
  });

  it('draws the latest value and leaves out those that came meanwhile', async () => {
    const seen: number[] = [];
    let finish = () => {};
    await interact({ h: h() }, async ({ h }) => {
      seen.push(h);
      if (h === 1) await new Promise<void>((resolve) => (finish = resolve));
    });
    for (const value of [1, 1.1, 1.2, 1.3]) {
      page.set('FloatSliderModel', { value });
      await turns();
    }
    finish();
    await turns();
    expect(seen).toEqual([0.5, 1, 1.3]);
  });

  it('says what a drawing throws, stays alive, and forgets it with the next', async () => {
    await interact({ h: h() }, ({ h }) => {
      if (h > 1) throw new RangeError('too long');
      print({ h });
    });
    page.set('FloatSliderModel', { value: 1.5 });
    await turns();
    expect(problem()).toBe('RangeError: too long');
    expect(outputs()).toEqual([{ kind: 'text', content: 'h = 0.5' }]);
    page.set('FloatSliderModel', { value: 0.7 });
    await turns();
    expect(problem()).toBe('');
    expect(outputs()).toEqual([{ kind: 'text', content: 'h = 0.7' }]);
  });

  it('lets the cell fail where the first drawing does, with the controls there to move on', async () => {
    const draw = async ({ h }: { h: number }) => {
      if (h < 1) throw new RangeError('too short');
      print({ h });
    };
    await expect(interact({ h: h() }, draw)).rejects.toThrow('too short');
    page.set('FloatSliderModel', { value: 1.5 });
    await turns();
    expect(outputs()).toEqual([{ kind: 'text', content: 'h = 1.5' }]);
  });

  it('goes on after an interrupt', async () => {
    await interact({ h: h() }, ({ h }) => (h === 1 ? new Promise(() => {}) : print({ h })));
    page.set('FloatSliderModel', { value: 1 });
    await turns();
    page.interruptDrawing();
    await turns();
    expect(problem()).toBe('The drawing was interrupted.');
    page.set('FloatSliderModel', { value: 1.5 });
    await turns();
    expect(outputs()).toEqual([{ kind: 'text', content: 'h = 1.5' }]);
  });

  it('gives plotly.js to a page that wants it', async () => {
    await interact({ h: h() }, print);
    const id = page.id('AnyModel');
    page.say(id, { method: 'custom', content: { wants: 'plotly.js' } });
    await expect
      .poll(() => page.sent.at(-1))
      .toMatchObject({ id, data: { content: { plotly: true } }, buffers: 1 });
  });

  it('draws once, and says for what, where nobody can drag', async () => {
    page.attended = false;
    await interact({ h: h(), again: button({ label: 'Again' }) }, print);
    expect(page.shown.map(({ data }) => data['text/plain'])).toEqual([
      'Drawn for step size h = 0.5. Run this cell in JupyterLab to change it.',
      'h = 0.5',
    ]);
    expect(page.models.size).toBe(0);
  });

  it('lets the first error through there', async () => {
    page.attended = false;
    const draw = () => {
      throw new RangeError('no');
    };
    await expect(interact({ h: h() }, draw)).rejects.toThrow('no');
  });

  it('refuses what is not a control', async () => {
    await expect(interact({}, () => {})).rejects.toThrow(InputError);
    await expect(interact({ h: 3 as never }, () => {})).rejects.toThrow(
      /h, which is not a control/,
    );
  });
});

describe('predict', () => {
  const view = (index: number) => page.state('AnyModel', index).outputs;
  const press = (index: number) =>
    page.say(page.id('ButtonModel', index), { method: 'custom', content: { event: 'click' } });

  it('hides what comes out until the reader has answered', async () => {
    const show = vi.fn(() => table([{ method: 'momentum', loss: 1 }]));
    await predict('Which ends lowest?', ['SGD', 'momentum'], show);
    expect(view(0)).toMatchObject([{ content: expect.stringContaining('Which ends lowest?') }]);
    expect(show).not.toHaveBeenCalled();
    press(1);
    await turns();
    expect(view(1)).toMatchObject([
      { content: expect.stringContaining('momentum') },
      { content: expect.stringContaining('<table') },
    ]);
    press(0);
    await turns();
    expect(show).toHaveBeenCalledOnce();
    expect(page.state('ButtonModel', 0).disabled).toBe(true);
  });

  it('shows an error of the outcome below the question', async () => {
    await predict('Which?', ['a', 'b'], () => {
      throw new InputError({ given: 'a', expected: 'b', remedy: 'c.' });
    });
    press(0);
    await turns();
    expect(page.state('AnyModel', 1).problem).toContain('InputError');
  });
});
