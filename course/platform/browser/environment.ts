import { host } from './host';

/** The folder of the notebook that runs. */
export const workingFolder = (): string => host.directory;
