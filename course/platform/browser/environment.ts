import { host } from './host';

export { variable } from 'implicit-lab/support';

/** Whether this is a page. */
export const isPage: boolean = true;

/** The folder of the notebook that runs. */
export const workingFolder = (): string => host.directory;
