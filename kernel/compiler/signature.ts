import ts from 'typescript';
import type { Project } from './project';

/** What the call around `position` takes, with the documentation; of the overload that fits best. */
export function signatureAt(project: Project, position: number): string | undefined {
  const item = helpAt(project, position)?.item;
  return item && lineOf(item);
}

/** The same with its documentation and the number of further forms. */
export function signatureHelpAt(project: Project, position: number): string | undefined {
  const help = helpAt(project, position);
  if (!help) return undefined;
  const { item, parameter, more } = help;
  const about = parameter ? ts.displayPartsToString(parameter.documentation) : '';
  return [
    `${lineOf(item)}${more > 0 ? ` (+${more} overload${more > 1 ? 's' : ''})` : ''}`,
    ts.displayPartsToString(item.documentation),
    parameter && about !== '' ? `@param ${parameter.name} ${about}` : '',
    item.tags
      .filter(({ name }) => name !== 'param')
      .map(({ name, text }) => `@${name} ${ts.displayPartsToString(text)}`)
      .join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n');
}

interface Help {
  item: ts.SignatureHelpItem;
  /** The one that is being written. */
  parameter: ts.SignatureHelpParameter | undefined;
  /** How many other forms there are. */
  more: number;
}

function helpAt(project: Project, position: number): Help | undefined {
  const help = project.service.getSignatureHelpItems(project.cell, position, undefined);
  const item = help?.items[help.selectedItemIndex];
  if (!help || !item) return undefined;
  return { item, parameter: item.parameters[help.argumentIndex], more: help.items.length - 1 };
}

function lineOf(item: ts.SignatureHelpItem): string {
  const parameters = item.parameters.map(({ displayParts }) =>
    ts.displayPartsToString(displayParts),
  );
  const [before, between, after] = [
    item.prefixDisplayParts,
    item.separatorDisplayParts,
    item.suffixDisplayParts,
  ].map((parts) => ts.displayPartsToString(parts));
  return `${before}${parameters.join(between)}${after}`;
}
