/** `[session, line, input]`, or `[session, line, [input, output]]` when outputs are asked for. */
type Entry = [number, number, string | [string, string | null]];

/** What was executed since the kernel started: one session, numbered 1, in memory. */
export class History {
  private readonly entries: { line: number; input: string; output: string | null }[] = [];

  add(line: number, input: string, output: string | null): void {
    this.entries.push({ line, input, output });
  }

  /**
   * Answers a `history_request`.
   *
   * Source: "Messaging in Jupyter", section "History".
   */
  answer(request: Record<string, unknown>): Entry[] {
    const found = this.select(request);
    const withOutput = request.output === true;
    return found.map(({ line, input, output }) => [1, line, withOutput ? [input, output] : input]);
  }

  private select(request: Record<string, unknown>): typeof this.entries {
    const n = typeof request.n === 'number' ? request.n : this.entries.length;
    switch (request.hist_access_type) {
      case 'range': {
        if (Number(request.session ?? 0) > 1) return [];
        const start = Number(request.start ?? 0);
        const stop = Number(request.stop ?? Number.POSITIVE_INFINITY);
        return this.entries.filter(({ line }) => line >= start && line < stop);
      }
      case 'search': {
        const pattern = globPattern(String(request.pattern ?? '*'));
        const matching = this.entries.filter(({ input }) => pattern.test(input));
        return last(request.unique === true ? lastOfEach(matching) : matching, n);
      }
      default:
        return last(this.entries, n);
    }
  }
}

function last<T>(values: T[], n: number): T[] {
  return n > 0 ? values.slice(-n) : [];
}

function lastOfEach<T extends { input: string }>(entries: T[]): T[] {
  return [...new Map(entries.map((entry) => [entry.input, entry])).values()];
}

/** `*` and `?` as in file names; all of the input has to match. */
function globPattern(glob: string): RegExp {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/\*/g, '.*').replace(/\?/g, '.')}$`, 's');
}
