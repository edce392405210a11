import { firstCell } from './first-cell';
import type { PageParts, ShareScope } from './lite';
import { whenIdle } from './when-idle';

/** What JupyterLab shows of an output. */
interface Model {
  readonly data: Record<string, unknown>;
}
interface Renderer {
  readonly node: HTMLElement;
  renderModel(model: Model): Promise<void>;
}
interface Factory {
  safe: boolean;
  mimeTypes: string[];
  createRenderer(options: object): Renderer;
}
export interface RendererRegistry {
  addFactory(factory: Factory, rank: number): void;
}

const FIGURE = 'application/vnd.plotly.v1+json';

/** A figure that comes this near to what is seen is drawn, pixels. */
const NEAR = 400;

/** A figure that would have to be smaller than this, in units of its own size, is scrolled instead. */
const SMALLEST = 0.6;

/** What is asked of a figure's layout; sizes are in pixels. */
interface Layout {
  width?: number;
  height?: number;
}

const layoutOf = ({ data }: Model): Layout =>
  (data[FIGURE] as { layout?: Layout } | undefined)?.layout ?? {};

/**
 * Shows a figure smaller where its place is narrower than it is, so that all of it is seen. It is drawn in its own size,
 * in which the notebook also keeps its picture.
 */
function fit(figure: HTMLElement, width: number, place: HTMLElement): void {
  figure.style.width = `${width}px`;
  figure.style.transformOrigin = 'top left';
  const scale = () => {
    const factor = Math.max(SMALLEST, Math.min(1, place.clientWidth / width));
    figure.style.transform = factor < 1 ? `scale(${factor})` : '';
    // The place that it leaves free.
    figure.style.marginRight = `${(factor - 1) * width}px`;
    figure.style.marginBottom = `${(factor - 1) * figure.offsetHeight}px`;
  };
  const observer = new ResizeObserver(scale);
  observer.observe(place);
  observer.observe(figure);
}

/**
 * Draws figures by plotly's own extension, which is loaded when the first figure is seen: it is as large as
 * JupyterLab, and JupyterLab would load it before anything is shown.
 *
 * @param url that of the extension's container.
 */
export function figures(
  { Panel }: PageParts['@lumino/widgets'],
  url: string,
  scope: ShareScope,
): Factory {
  let loading: Promise<Factory> | undefined;
  const load = (): Promise<Factory> => {
    loading ??= loadRenderer(url, scope);
    return loading;
  };

  /** Holds the room of a figure until it is drawn. */
  class Figure extends Panel implements Renderer {
    private renderer: Promise<Renderer> | undefined;
    private model: Model | undefined;

    constructor(private readonly options: object) {
      super();
    }

    async renderModel(model: Model): Promise<void> {
      const isFirst = this.model === undefined;
      this.model = model;
      if (this.renderer) return (await this.renderer).renderModel(model);
      if (!isFirst) return;
      const { height = 360 } = layoutOf(model);
      this.node.style.minHeight = `${height}px`;
      this.drawOnceSeen();
    }

    private drawOnceSeen(): void {
      const { node } = this;
      const observer = new IntersectionObserver(
        (entries) => {
          if (entries.some(({ isIntersecting }) => isIntersecting)) draw();
        },
        { rootMargin: `${NEAR}px` },
      );
      const draw = () => {
        observer.disconnect();
        if (this.isDisposed || this.renderer) return;
        this.draw().catch((error) => {
          node.textContent = `This figure could not be drawn: ${error}`;
        });
      };
      observer.observe(node);
      // Those that were not looked at are drawn as well: a saved notebook has their pictures.
      void firstCell.over.then(() => whenIdle(draw));
    }

    private async draw(): Promise<void> {
      this.renderer = load().then(({ createRenderer }) => createRenderer(this.options));
      const renderer = await this.renderer;
      if (this.isDisposed) return;
      const { width } = layoutOf(this.model!);
      if (width !== undefined) fit(renderer.node, width, this.node);
      this.addWidget(renderer);
      await renderer.renderModel(this.model!);
      this.node.style.minHeight = '';
    }
  }

  return { safe: true, mimeTypes: [FIGURE], createRenderer: (options) => new Figure(options) };
}

interface Container {
  init(scope: ShareScope): unknown;
  get(name: string): Promise<() => { default: Extension | Extension[] }>;
}
interface Extension {
  rendererFactory: Factory;
}

async function loadRenderer(url: string, scope: ShareScope): Promise<Factory> {
  await new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${url} did not arrive`));
    script.src = url;
    document.head.append(script);
  });
  const { _JUPYTERLAB: containers } = globalThis as { _JUPYTERLAB?: Record<string, unknown> };
  const container = containers?.['jupyterlab-plotly'] as Container;
  await container.init(scope);
  const extension = (await container.get('./mimeExtension'))().default;
  return [extension].flat()[0]!.rendererFactory;
}
