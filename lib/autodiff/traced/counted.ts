/** Programs that are freed once they are dropped and no longer used. */
export abstract class Counted {
  #users = 0;
  #dropped = false;

  protected abstract free(): void;

  retain(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    this.#freeIfUnused();
  }

  /** Frees the programs as soon as no evaluation uses them. */
  drop(): void {
    this.#dropped = true;
    this.#freeIfUnused();
  }

  #freeIfUnused(): void {
    if (this.#dropped && this.#users <= 0) this.free();
  }
}
