/** What a variable of the environment holds, if it is set. */
export const variable = (name: string): string | undefined => process.env[name];
