import type { Graph } from '../graph';
import { Program } from '../program';
import type { Tape } from '../tape';
import { inlined } from './inline';
import { read } from './read';
import { stackedProducts, stackedSums } from './stack';
import { ordered } from './sum';

/**
 * The derivative of the recorded path by the shortest rules, in as few kernels as will do.
 *
 * Most operations are sums of multiples and of matrix products. Written as such they can be put
 * into each other, and what multiplies one matrix many times can be done at once.
 */
export function compile(graph: Graph, tape: Tape): Program {
  let { slots } = graph;
  const newSlot = () => slots++;
  const ends = new Set([...graph.leaves, ...graph.targets].map(({ slot }) => slot));
  const sums = inlined(
    graph.steps.map((step) => read(step, tape)),
    ends,
  );
  const stacked = stackedSums(stackedProducts(sums, ends, newSlot, tape), newSlot, tape);
  return new Program({ ...graph, slots }, ordered(stacked));
}
