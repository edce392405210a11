/** There is no tslab in a page. */
export const tslabDisplay = (): unknown => undefined;
