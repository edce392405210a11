/** Whether this is a page. */
export const isPage: boolean = false;

/** The folder that the program runs in. */
export const workingFolder = (): string => process.cwd();

/** What a variable of the environment holds, if it is set. */
export const variable = (name: string): string | undefined => process.env[name];
