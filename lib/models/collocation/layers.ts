/** Where a layer's weights are, `fanOut` rows of `fanIn`, and its biases after them. */
export interface Layer {
  fanIn: number;
  fanOut: number;
  from: number;
  biases: number;
  end: number;
}

/** The layers of a network of these sizes, one after the other in its parameters. */
export function layersOf(sizes: readonly number[]): Layer[] {
  const layers: Layer[] = [];
  let from = 0;
  for (let l = 0; l + 1 < sizes.length; l++) {
    const [fanIn, fanOut] = [sizes[l]!, sizes[l + 1]!];
    const biases = from + fanIn * fanOut;
    layers.push({ fanIn, fanOut, from, biases, end: biases + fanOut });
    from = biases + fanOut;
  }
  return layers;
}
