/** Shows the way through the course. */
export async function progressMap(): Promise<void> {}
