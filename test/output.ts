/** What a notebook file holds of an output, with its texts whole. */
export interface Output {
  output_type: string;
  name?: string;
  text?: string;
  data?: Record<string, unknown>;
  ename?: string;
  evalue?: string;
  traceback?: string[];
}

/** What the outputs say, without markup. */
export function textOf(outputs: readonly Output[]): string {
  return outputs
    .map(({ text, data, ename, evalue }) => {
      const plain = text ?? data?.['text/plain'] ?? (ename ? `${ename}: ${evalue}` : '');
      return [plain].flat().join('');
    })
    .join('\n');
}
