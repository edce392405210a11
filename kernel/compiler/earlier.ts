import type { CellSource, Declared } from './cell-source';
import { Project } from './project';

/** A name that an earlier cell has left, and that cell. */
export interface Live extends Pick<Declared, 'kind' | 'type'> {
  cell: number;
  /** Whether it holds a value when cells run, and not only a type. */
  value: boolean;
}

/**
 * What is put behind a cell, so that its own positions stay: its names as exports, and the names of
 * earlier cells that it mentions.
 *
 * Variables of earlier cells are declared by their types, as they can be assigned to. All else is
 * imported. No type has to be written down, so nothing is lost on the way from cell to cell.
 */
export function surroundings(cell: CellSource, live: ReadonlyMap<string, Live>): string {
  const lines = [''];
  const own = [...cell.declared.keys()];
  if (own.length > 0) lines.push(`export { ${own.join(', ')} };`);
  for (const [name, { kind, type, cell: id }] of earlierNames(cell, live)) {
    const module = JSON.stringify(Project.nameOf(id));
    if (kind === 'other' || type) lines.push(`import { ${name} } from ${module};`);
    else lines.push(`declare ${kind} ${name}: typeof import(${module}).${name};`);
  }
  return lines.join('\n');
}

/** The names of earlier cells that a cell mentions and does not declare itself. */
export function earlierNames(
  { mentioned, declared }: Pick<CellSource, 'mentioned' | 'declared'>,
  live: ReadonlyMap<string, Live>,
): [string, Live][] {
  return [...mentioned].flatMap((name): [string, Live][] => {
    const found = declared.has(name) ? undefined : live.get(name);
    return found ? [[name, found]] : [];
  });
}
