/** Fetches a file that was compressed by gzip, and unpacks it; `received` learns of each piece. */
export async function fetchUnpacked(
  url: string,
  received: (bytes: number) => void = () => {},
): Promise<Uint8Array> {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(`${url}: ${response.status}`);
  const counted = response.body.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(piece, controller) {
        received(piece.byteLength);
        controller.enqueue(piece);
      },
    }),
  );
  // With `Content-Encoding: gzip` the browser has unpacked the file.
  const isPacked = !response.headers.get('Content-Encoding');
  const unpacked = isPacked ? counted.pipeThrough(new DecompressionStream('gzip')) : counted;
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
