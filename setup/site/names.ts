/** The public names of both packages, for the pages of the API. */
export * from '../../course';
export * from '../../lib';
