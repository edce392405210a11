import * as tf from '@tensorflow/tfjs';
import { engine } from '../backends/engine';
import { InputError } from '../errors';
import { reachedFrom } from './connected';
import { chosenParameters, type ParameterChoice } from './parameters';
import { type NamedVariables, pick } from './variables';

/** The variables that a step may move, and how each is to move. */
export interface Candidates {
  /** Undefined: whatever trainable variables the loss turns out to depend on. */
  list: readonly tf.Variable[] | undefined;
  parameters: ParameterChoice | undefined;
  others: 'explicit' | 'frozen';
}

/** What a step moves. */
export interface Chosen {
  variables: NamedVariables;
  /** Names of those that step implicitly. */
  block: string[];
  /** Names of those that move at all. */
  moving: string[];
  /** Where the block is among the candidates; names change when a model is saved. */
  places: readonly number[];
}

/**
 * Checks a list of variables, or that there are any.
 *
 * @throws InputError for a list that holds anything but live variables, or none that is trainable,
 *   and for an unknown parameter.
 */
export function candidates({ list, ...rest }: Candidates): Candidates {
  if (list === undefined || list === null) {
    if (registered().length === 0) throw notTrainable('no trainable variable');
    return { list: undefined, ...rest };
  }
  const checked = trainable(list);
  chosenParameters(rest.parameters, keyed(checked));
  return { list: checked, ...rest };
}

/**
 * The candidates that a loss, just computed while a tape runs, depends on, in their order.
 *
 * @throws InputError if there is none.
 */
export function reachedBy(loss: tf.Tensor, { list }: Candidates): tf.Variable[] {
  const all = listedIn({ list });
  const ids = reachedFrom(loss);
  const reached = all.filter(({ id }) => ids.has(id));
  if (reached.length > 0) return reached;
  const names = all.slice(0, 5).map(({ name }) => name);
  throw unconnected(`a loss that depends on none of ${names.join(', ')}`);
}

/** All of them. */
export const listedIn = ({ list }: Pick<Candidates, 'list'>): readonly tf.Variable[] =>
  list ?? registered();

/**
 * Chooses what a step moves, given the candidates that its loss depends on.
 *
 * Others that are listed stay as they are, as with the optimizers of TensorFlow.js: a list of all
 * weights of a model is common, and a loss that does not see all of them, too.
 *
 * @throws InputError where the loss depends on none of them, or on none of the parameters.
 */
export function choose(
  { list, parameters, others }: Candidates,
  reached: ReadonlySet<tf.Variable>,
): Chosen {
  const variables = keyed(list ?? [...reached].sort(byAge));
  const all = Object.keys(variables);
  const chosen = chosenParameters(parameters, variables);
  const live = (names: readonly string[]) => names.filter((name) => reached.has(variables[name]!));
  const block = live(chosen);
  if (block.length === 0) {
    throw unconnected(`the parameters ${chosen.join(', ')}, on none of which the loss depends`);
  }
  const moving = others === 'frozen' ? block : live(all);
  const places = chosen.map((name) => all.indexOf(name));
  return { variables: pick(variables, moving), block, moving, places };
}

/** The trainable ones, each once. */
function trainable(list: readonly tf.Variable[]): tf.Variable[] {
  if (!Array.isArray(list)) throw notTrainable(`${describe(list)} as the list of variables`);
  for (const variable of list) {
    if (!(variable instanceof tf.Variable)) {
      throw notTrainable(`${describe(variable)} in the list of variables`);
    }
    if (variable.isDisposed) throw notTrainable(`'${variable.name}', which is disposed`);
  }
  const variables = [...new Set(list)].filter((variable) => variable.trainable);
  if (variables.length === 0) throw notTrainable('no trainable variable');
  return variables;
}

/** All trainable variables that can have a gradient, in the order in which they were made. */
function registered(): tf.Variable[] {
  // Their record has integer-like names first.
  return Object.values(engine().registeredVariables)
    .filter(({ trainable, dtype }) => trainable && dtype === 'float32')
    .sort(byAge);
}

const byAge = (a: tf.Variable, b: tf.Variable) => a.id - b.id;

/**
 * Variables under their names; where JavaScript would sort a name as a number, or another variable
 * has it, under one made of it. The order is that of the list.
 */
export function keyed(variables: readonly tf.Variable[]): NamedVariables {
  const named: NamedVariables = {};
  for (const variable of variables) {
    const name = isNumber(variable.name) ? `variable ${variable.name}` : variable.name;
    let key = name;
    for (let i = 2; Object.hasOwn(named, key); i++) key = `${name} (${i})`;
    named[key] = variable;
  }
  return named;
}

/** Whether TensorFlow.js made the name up, which is then a count, and another one next time. */
export const isNumber = (name: string): boolean => /^\d+$/.test(name);

const describe = (x: unknown): string => {
  if (x instanceof tf.Tensor) return 'a tensor that is not a variable';
  return x === null ? 'null' : `a value of type ${typeof x}`;
};

function notTrainable(given: string): InputError {
  return new InputError({
    given,
    expected: 'live trainable variables',
    remedy:
      'Make parameters variables: tf.variable(value, true, name). Of a layer of a model take ' +
      'weight.read().',
  });
}

function unconnected(given: string): InputError {
  return new InputError({
    given,
    expected: 'a loss computed from the variables that it is to move',
    remedy:
      'Use the tf.Variable itself inside the loss, not a copy or its numbers, or leave it out of ' +
      'the list.',
  });
}
