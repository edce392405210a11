import { fetchUnpacked } from './gunzip';
import { assetUrl } from './host';

/** The source of plotly.js, 5 MB. */
export const plotlySource = (): Promise<Uint8Array> => fetchUnpacked(assetUrl('plotly.min.js.gz'));
