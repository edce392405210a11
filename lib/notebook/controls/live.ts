import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { LIVE_VIEW } from './live-view';
import type { Model, State } from './model';
import { openOwnView } from './widgets';

/** Opens a live view, which gets plotly.js from here when its page has none yet. */
export function openLive(state: State): Model {
  const live = openOwnView(LIVE_VIEW, { outputs: [], problem: '', stills: 0, ...state });
  live.onMessage(({ wants }) => {
    if (wants === 'plotly.js') live.send({ plotly: true }, [plotlySource()]);
  });
  return live;
}

/** Read when a page asks for it: 5 MB. */
function plotlySource(): Uint8Array {
  return readFileSync(createRequire(__filename).resolve('plotly.js-dist-min/plotly.min.js'));
}
