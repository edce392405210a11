/** A page has no tslab. */
export const tslabDisplay = (): unknown => undefined;
