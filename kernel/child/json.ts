/** JSON as it was before any cell ran: a cell may replace the methods. */
export const { parse, stringify } = JSON;
