/**
 * The texts of files, each with a version that is another one whenever the text is. What was parsed
 * under a version so holds for a later session as well, whatever has happened on the disk between.
 */
export class Texts {
  private readonly known = new Map<string, { text: string; version: number }>();
  private count = 0;

  /** Notes what a file holds now. Returns that text: the copy that is known, where it is the same. */
  note(path: string, text: string): string {
    const known = this.known.get(path);
    if (known?.text === text) return known.text;
    this.count += 1;
    this.known.set(path, { text, version: this.count });
    return text;
  }

  /** The version of the text that was noted last. */
  version(path: string): number | undefined {
    return this.known.get(path)?.version;
  }
}
