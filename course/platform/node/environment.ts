/** The folder that the program runs in. */
export const workingFolder = (): string => process.cwd();
