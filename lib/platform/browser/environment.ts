import { host } from './host';

/** What the page has set in place of a variable of the environment. */
export const variable = (name: string): string | undefined => host.variables[name];
