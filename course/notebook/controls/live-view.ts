/** The model of a live view, as anywidget gives it to the view's code. */
export interface ViewModel {
  get(name: string): unknown;
  on(event: string, listener: (...values: never[]) => void): void;
  off(event: string, listener: (...values: never[]) => void): void;
  send(content: object): void;
}

/** One thing to show, in the one form that is shown. */
export interface Shown {
  kind: 'plotly' | 'html' | 'png' | 'text';
  content: unknown;
}

/** The part of plotly.js that is used here. */
interface Plotly {
  react(root: HTMLElement, data: unknown, layout: unknown, config: unknown): Promise<unknown>;
  purge(root: HTMLElement): void;
}

/**
 * Shows the outputs of a drawing in the browser, and shows them again in place when they change.
 *
 * This function is sent to the browser as text: it must not use anything from outside.
 * plotly.js comes from the kernel, once a page: no other host is asked, and no notebook holds it.
 */
export function renderLive({ model, el }: { model: ViewModel; el: HTMLElement }): () => void {
  const page = globalThis as { implicitLabPlotly?: Plotly };
  const problem = document.createElement('div');
  const outputs = document.createElement('div');
  problem.className = 'implicit-lab-problem';
  outputs.className = 'implicit-lab-outputs';
  el.classList.add('implicit-lab-live');
  el.dataset.stills = String(model.get('stills'));
  el.append(problem, outputs);

  const hearPlotly = (content: { plotly?: boolean }, [code]: DataView[]) => {
    if (!content.plotly || !code) return;
    const library: { exports?: Plotly } = { exports: {} as Plotly };
    new Function('module', new TextDecoder().decode(code))(library);
    if (library.exports) page.implicitLabPlotly ??= library.exports;
    schedule();
  };

  const drawFigure = (slot: HTMLElement, content: unknown) => {
    const plotly = page.implicitLabPlotly;
    if (!plotly) return;
    const { data, layout, config } = content as { data: unknown; layout: object; config: unknown };
    // What the reader has zoomed into stays when the values change.
    void plotly.react(slot, data, { ...layout, uirevision: 'live' }, config);
  };

  const drawSlot = (slot: HTMLElement, { kind, content }: Shown) => {
    if (kind === 'plotly') return drawFigure(slot, content);
    if (kind === 'html') slot.innerHTML = String(content);
    else if (kind === 'text') slot.textContent = String(content);
    else (slot as HTMLImageElement).src = `data:image/png;base64,${content}`;
  };

  /** A place for something of that kind: the one before stays if it is of the same. */
  const slotFor = (kind: string, index: number) => {
    const before = outputs.children[index] as HTMLElement | undefined;
    if (before?.dataset.kind === kind) return before;
    const tags: Record<string, string> = { text: 'pre', png: 'img' };
    const slot = document.createElement(tags[kind] ?? 'div');
    slot.dataset.kind = kind;
    if (before) before.replaceWith(slot);
    else outputs.append(slot);
    return slot;
  };

  const draw = () => {
    scheduled = 0;
    const shown = model.get('outputs') as Shown[];
    shown.forEach((output, index) => {
      drawSlot(slotFor(output.kind, index), output);
    });
    while (outputs.children.length > shown.length) outputs.lastElementChild!.remove();
    const words = String(model.get('problem'));
    problem.textContent = words;
    problem.hidden = words === '';
    outputs.classList.toggle('implicit-lab-outdated', words !== '');
  };

  // However fast changes come, a frame of the screen shows the latest of them.
  let scheduled = 0;
  const schedule = () => {
    if (scheduled === 0) scheduled = requestAnimationFrame(draw);
  };

  model.on('change', schedule);
  if (!page.implicitLabPlotly) {
    model.on('msg:custom', hearPlotly);
    model.send({ wants: 'plotly.js' });
  }
  draw();
  return () => {
    model.off('change', schedule);
    model.off('msg:custom', hearPlotly);
    cancelAnimationFrame(scheduled);
    for (const slot of outputs.children) page.implicitLabPlotly?.purge(slot as HTMLElement);
  };
}

/** `renderLive` as the module that anywidget loads. The tool that compiled it may call `__name`. */
const ESM = `const __name = (value) => value;
export default { render: ${renderLive.toString()} };`;

/** How many outputs behind a live one can be its stills. */
export const MOST_STILLS = 12;

/**
 * The stills behind a live view are for readers without widgets; next to it they are hidden. They are
 * seen again when the notebook is opened without its kernel.
 */
const HIDDEN_STILLS = Array.from({ length: MOST_STILLS }, (_, i) => {
  const live = `.jp-OutputArea-child:has([data-stills="${i + 1}"])`;
  return Array.from({ length: i + 1 }, (_, k) => live + ' + .jp-OutputArea-child'.repeat(k + 1));
}).flat();

const CSS = `
.implicit-lab-problem {
  margin: 4px 0;
  padding: 6px 10px;
  white-space: pre-wrap;
  font-family: var(--jp-code-font-family, monospace);
  font-size: var(--jp-code-font-size, 13px);
  color: var(--jp-ui-font-color0, black);
  background: var(--jp-rendermime-error-background, #fdd);
}
.implicit-lab-problem[hidden] { display: none }
.implicit-lab-outdated { opacity: 0.3 }
${HIDDEN_STILLS.join(',\n')} { display: none }
`;

/** The view of what `interact` draws. */
export const LIVE_VIEW = { esm: ESM, css: CSS };
