import { plotlySource } from '#platform/plotly';
import { LIVE_VIEW } from './live-view';
import type { Model, State } from './model';
import { openOwnView } from './widgets';

/** Opens a live view, which gets plotly.js from here when its page has none yet. */
export function openLive(state: State): Model {
  const live = openOwnView(LIVE_VIEW, { outputs: [], problem: '', stills: 0, ...state });
  live.onMessage(({ wants }) => {
    if (wants === 'plotly.js') void sendPlotly(live);
  });
  return live;
}

async function sendPlotly(live: Model): Promise<void> {
  live.send({ plotly: true }, [await plotlySource()]);
}
