/** The colours of Okabe and Ito that contrast with white and that colour-blind readers can distinguish. */
export const PALETTE = [
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#E69F00',
  '#56B4E9',
  '#444444',
];

/** From pale to dark, one hue: order is seen without colour too. */
export const SEQUENTIAL = [
  [0, '#f0f6fb'],
  [0.5, '#5ba3d0'],
  [1, '#08306b'],
];

/** Blue, white, vermilion: for values on both sides of 0 (set `zmid: 0`). */
export const DIVERGING = [
  [0, '#0072B2'],
  [0.5, '#f7f7f7'],
  [1, '#D55E00'],
];

export const WIDTH = 720;
export const HEIGHT = 440;
export const FONT_SIZE = 13;

const INK = '#333333';
const SOFT_INK = '#666666';
const GRID = '#e8e8e8';

const AXIS = {
  automargin: true,
  color: SOFT_INK,
  gridcolor: GRID,
  zerolinecolor: '#cccccc',
  zerolinewidth: 1,
  linecolor: '#bbbbbb',
  exponentformat: 'power',
  minexponent: 5,
  title: { font: { color: INK, size: FONT_SIZE }, standoff: 12 },
};

/**
 * One look for every figure, as a plotly.js template.
 *
 * The paper is opaque white: the same picture is read on light and dark pages.
 */
export const TEMPLATE = {
  layout: {
    font: {
      family: "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif",
      size: FONT_SIZE,
      color: INK,
    },
    title: {
      font: { size: 17, weight: 600 },
      x: 0,
      xref: 'paper',
      xanchor: 'left',
      y: 1,
      yref: 'container',
      yanchor: 'top',
      pad: { t: 16 },
      subtitle: { font: { size: FONT_SIZE, color: SOFT_INK } },
    },
    margin: { l: 76, r: 24, b: 56 },
    paper_bgcolor: '#ffffff',
    plot_bgcolor: '#ffffff',
    colorway: PALETTE,
    colorscale: { sequential: SEQUENTIAL, sequentialminus: SEQUENTIAL, diverging: DIVERGING },
    xaxis: {
      ...AXIS,
      showgrid: false,
      showline: true,
      ticks: 'outside',
      ticklen: 4,
      tickcolor: '#bbbbbb',
    },
    yaxis: { ...AXIS, ticks: '', ticklabelstandoff: 4 },
    grid: { xgap: 0.2, ygap: 0.3 },
    legend: { orientation: 'h', x: 0, xanchor: 'left', y: 1.01, yanchor: 'bottom' },
    hoverlabel: { font: { family: 'Inter, Helvetica, Arial, sans-serif' } },
    annotationdefaults: { arrowcolor: SOFT_INK, arrowwidth: 1, arrowhead: 2, font: { color: INK } },
    bargap: 0.25,
    coloraxis: { colorbar: colorbar() },
  },
  data: {
    scatter: [{ line: { width: 2.5, simplify: false }, marker: { size: 7 } }],
    bar: [{ marker: { line: { width: 0 } }, textfont: { color: INK } }],
    histogram: [{ marker: { line: { width: 0 } } }],
    heatmap: [{ colorscale: SEQUENTIAL, colorbar: colorbar() }],
    contour: [
      { colorscale: SEQUENTIAL, colorbar: colorbar(), line: { width: 1, color: SOFT_INK } },
    ],
  },
};

function colorbar() {
  return {
    thickness: 12,
    len: 1,
    ypad: 0,
    outlinewidth: 0,
    ticks: '',
    exponentformat: 'power',
    minexponent: 5,
    tickfont: { color: SOFT_INK },
    title: { font: { size: FONT_SIZE }, side: 'right' },
  };
}
