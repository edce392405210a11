import { host } from './host';

/** Whether this is a page. */
export const isPage: boolean = true;

/** The folder of the notebook that runs. */
export const workingFolder = (): string => host.directory;
