import { type Pausing, stepByStep, withoutPause } from '../../event-loop';
import type { Graph } from '../graph';
import { type Instruction, Program } from '../program';
import type { Tape } from '../tape';
import { inlined } from './inline';
import { pooledConvolutions } from './pooled';
import { read } from './read';
import { stackedProducts, stackedSums } from './stack';
import { ordered } from './sum';

/**
 * The derivative of the recorded path by the shortest rules, in as few kernels as will do.
 *
 * Most operations are sums of multiples and of matrix products. Written as such they can be put
 * into each other, and what multiplies one matrix many times can be done at once.
 */
export const compile = (graph: Graph, tape: Tape): Program =>
  withoutPause(compileInPieces(graph, tape));

/** The same, to be left for a while. */
export function* compileInPieces(graph: Graph, tape: Tape): Pausing<Program> {
  let { slots } = graph;
  const newSlot = () => slots++;
  const ends = new Set([...graph.leaves, ...graph.targets].map(({ slot }) => slot));
  const instructions: Instruction[] = [];
  yield* stepByStep(graph.steps.length, (i) => {
    instructions.push(read(graph.steps[i]!, tape));
  });
  yield;
  const pooled = pooledConvolutions(graph.steps, instructions, ends, tape);
  const sums = inlined(pooled, ends);
  yield;
  const products = stackedProducts(sums, ends, newSlot, tape);
  yield;
  const stacked = stackedSums(products, newSlot, tape);
  return new Program({ ...graph, slots }, ordered(stacked));
}
