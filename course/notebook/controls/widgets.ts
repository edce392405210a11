import { type Model, openModel, type State } from './model';

/** The kinds of ipywidgets 8 that are used here, each with the name of its look. */
const STYLES = {
  FloatSlider: 'SliderStyle',
  FloatLogSlider: 'SliderStyle',
  Dropdown: 'DescriptionStyle',
  Button: 'ButtonStyle',
};

/** Opens one of ipywidgets' own controls, its label `labelWidth` wide. */
export function openControl(kind: keyof typeof STYLES, state: State, labelWidth: string): Model {
  const style = openModel({
    ...named('@jupyter-widgets/controls', `${STYLES[kind]}Model`),
    ...named('@jupyter-widgets/base', 'StyleView', 'view'),
    ...(kind === 'Button' ? {} : { description_width: labelWidth }),
  });
  const wide = kind === 'FloatSlider' || kind === 'FloatLogSlider';
  const layout = openLayout(
    wide ? { width: '100%', max_width: '640px' } : { width: 'max-content' },
  );
  return openModel({
    ...named('@jupyter-widgets/controls', `${kind}Model`),
    ...named('@jupyter-widgets/controls', `${kind}View`, 'view'),
    ...state,
    layout: layout.reference,
    style: style.reference,
  });
}

/** Opens a column of models. */
export function openColumn(children: readonly Model[]): Model {
  return openModel({
    ...named('@jupyter-widgets/controls', 'VBoxModel'),
    ...named('@jupyter-widgets/controls', 'VBoxView', 'view'),
    children: children.map((child) => child.reference),
    layout: openLayout({}).reference,
  });
}

/** Opens a model whose view is JavaScript of our own, by way of anywidget. */
export function openOwnView(view: { esm: string; css: string }, state: State): Model {
  return openModel({
    ...named('anywidget', 'AnyModel'),
    ...named('anywidget', 'AnyView', 'view'),
    _anywidget_id: 'implicit-lab.live',
    _esm: view.esm,
    _css: view.css,
    ...state,
    layout: openLayout({}).reference,
  });
}

function openLayout(attributes: State): Model {
  return openModel({
    ...named('@jupyter-widgets/base', 'LayoutModel'),
    ...named('@jupyter-widgets/base', 'LayoutView', 'view'),
    ...attributes,
  });
}

/** A class of the front end. */
function named(module: string, name: string, part: 'model' | 'view' = 'model'): State {
  return {
    [`_${part}_module`]: module,
    [`_${part}_module_version`]: module === 'anywidget' ? '*' : '2.0.0',
    [`_${part}_name`]: name,
  };
}
