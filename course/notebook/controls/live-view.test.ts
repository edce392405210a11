import { JSDOM } from 'jsdom';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LIVE_VIEW, type Shown, type ViewModel } from './live-view';

type Listener = (...values: never[]) => void;

/** A model as anywidget hands it to its view. */
class Model implements ViewModel {
  readonly sent: object[] = [];
  private readonly listeners = new Map<string, Set<Listener>>();

  constructor(private state: Record<string, unknown>) {}

  get(name: string): unknown {
    return this.state[name];
  }

  on(event: string, listener: Listener): void {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(listener));
  }

  off(event: string, listener: Listener): void {
    this.listeners.get(event)?.delete(listener);
  }

  send(content: object): void {
    this.sent.push(content);
  }

  emit(event: string, ...values: unknown[]): void {
    for (const listener of this.listeners.get(event) ?? []) listener(...(values as never[]));
  }

  set(changes: Record<string, unknown>): void {
    Object.assign(this.state, changes);
    this.emit('change');
  }

  count(): number {
    return [...this.listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

/** The view as the browser gets it: as text alone. */
const { render } = new Function(`${LIVE_VIEW.esm.replace('export default', 'return')}`)() as {
  render(view: { model: ViewModel; el: HTMLElement }): () => void;
};

const text = (content: string): Shown => ({ kind: 'text', content });
const plot = (y: number[]): Shown => ({
  kind: 'plotly',
  content: { data: [{ y }], layout: { width: 3 }, config: {} },
});

let el: HTMLElement;
let frames: (() => void)[];
const frame = () => {
  for (const draw of frames.splice(0)) draw();
};

beforeEach(() => {
  const { window } = new JSDOM('<main></main>');
  el = window.document.querySelector('main')!;
  frames = [];
  vi.stubGlobal('document', window.document);
  vi.stubGlobal('requestAnimationFrame', (draw: () => void) => frames.push(draw));
  vi.stubGlobal('cancelAnimationFrame', () => {});
});

afterEach(() => {
  vi.unstubAllGlobals();
  delete (globalThis as { implicitLabPlotly?: unknown }).implicitLabPlotly;
});

const shown = (outputs: Shown[], more = {}) =>
  new Model({ outputs, problem: '', stills: outputs.length, ...more });
const children = () => [...el.querySelector('.implicit-lab-outputs')!.children];

describe('the live view', () => {
  it('shows each output in its own way', () => {
    render({ model: shown([text('a <b>'), { kind: 'html', content: '<i>c</i>' }]), el });
    expect(children().map(({ tagName, innerHTML }) => [tagName, innerHTML])).toEqual([
      ['PRE', 'a &lt;b&gt;'],
      ['DIV', '<i>c</i>'],
    ]);
  });

  it('shows the latest of many changes, once a frame, in the same place', () => {
    const model = shown([text('a'), text('b')]);
    render({ model, el });
    const [first] = children();
    for (const content of ['c', 'd', 'e']) model.set({ outputs: [text(content)] });
    expect(frames.length).toBe(1);
    frame();
    expect(children()).toEqual([first]);
    expect(first!.textContent).toBe('e');
  });

  it('says a problem, and shows pale what was drawn before', () => {
    const model = shown([text('a')]);
    render({ model, el });
    const problem = el.querySelector<HTMLElement>('.implicit-lab-problem')!;
    expect(problem.hidden).toBe(true);
    model.set({ problem: '<no>' });
    frame();
    expect([problem.hidden, problem.textContent]).toEqual([false, '<no>']);
    expect(el.querySelector('.implicit-lab-outdated')!.textContent).toBe('a');
    model.set({ problem: '' });
    frame();
    expect(problem.hidden).toBe(true);
    expect(el.querySelector('.implicit-lab-outdated')).toBeNull();
  });

  it('asks the kernel for plotly.js once a page, and draws figures in place', () => {
    const react = vi.fn().mockResolvedValue(undefined);
    vi.stubGlobal('fakePlotly', { react, purge: () => {} });
    const code = new DataView(new TextEncoder().encode('module.exports = fakePlotly').buffer);
    const model = shown([plot([1])]);
    const end = render({ model, el });
    expect(model.sent).toEqual([{ wants: 'plotly.js' }]);
    model.emit('msg:custom', { plotly: true }, [code]);
    frame();
    model.set({ outputs: [plot([2])] });
    frame();
    const [slot] = children();
    expect(react.mock.calls).toEqual([
      [slot, [{ y: [1] }], { width: 3, uirevision: 'live' }, {}],
      [slot, [{ y: [2] }], { width: 3, uirevision: 'live' }, {}],
    ]);
    const second = shown([plot([3])]);
    render({ model: second, el });
    expect(second.sent).toEqual([]);
    end();
    expect(model.count()).toBe(0);
  });

  it('hides as many outputs behind it as it has stills', () => {
    const { window } = new JSDOM(`<style>${LIVE_VIEW.css}</style>
      <div class="jp-OutputArea-child"><div data-stills="2"></div></div>
      <div class="jp-OutputArea-child">still</div>
      <div class="jp-OutputArea-child">still</div>
      <div class="jp-OutputArea-child">other</div>`);
    const outputs = [...window.document.querySelectorAll('.jp-OutputArea-child')];
    expect(outputs.map((output) => window.getComputedStyle(output).display)).toEqual([
      'block',
      'none',
      'none',
      'block',
    ]);
  });
});
