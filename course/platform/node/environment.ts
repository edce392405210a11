/** Whether this is a page. */
export const isPage: boolean = false;

/** The folder that the program runs in. */
export const workingFolder = (): string => process.cwd();
