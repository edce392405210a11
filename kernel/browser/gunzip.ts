/**
 * The content of a file that was compressed by gzip. Sites do not all compress what they send: this
 * way none has to.
 *
 * @throws Error where the site does not have it.
 */
export async function unpacked(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(`${url}: ${response.status}`);
  const bytes = await response.arrayBuffer();
  // Where a site sends it with `Content-Encoding: gzip`, the browser has unpacked it already.
  const [first, second] = new Uint8Array(bytes);
  if (first !== 0x1f || second !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}
