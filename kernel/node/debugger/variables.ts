import type { Debugger, Runtime } from 'node:inspector';
import type { Inspector } from './inspector';

/** A variable in the form of the Debug Adapter Protocol; a variable with parts has a reference to them. */
export interface Variable {
  name: string;
  value: string;
  /** Of an object its class. Where there is none, JupyterLab's tree shows the value in its place. */
  type?: string;
  evaluateName: string;
  variablesReference: number;
}

/** What follows a name in the name of the box that cells share it by. */
const BOX = '__implicit_box';

/** The names that belong to the function around a cell. */
const NOT_SHOWN =
  /^(?:this|arguments|require|module|exports|__filename|__dirname|__implicit_cell__)$/;

type Property = Pick<Runtime.PropertyDescriptor, 'name' | 'value'>;
type Source = { objects: readonly string[] } | { names: true };

/** The values of a stopped program, under numbers that are good until it goes on. */
export class Variables {
  private readonly sources: Source[] = [];

  constructor(private readonly inspector: Inspector) {}

  /** Numbers the parts of one object or of several scopes. */
  numbered(source: Source): number {
    return this.sources.push(source);
  }

  async of(reference: number): Promise<Variable[]> {
    const source = this.sources[reference - 1];
    if (!source) return [];
    const objects = 'names' in source ? [await this.names()] : source.objects;
    const properties = await Promise.all(objects.map((id) => this.properties(id)));
    const seen = new Map<string, Property>();
    for (const property of properties.flat()) {
      if (!seen.has(property.name)) seen.set(property.name, property);
    }
    return [...seen.values()].flatMap(({ name, value }) =>
      value ? [this.variable(name, value)] : [],
    );
  }

  variable(name: string, value: Runtime.RemoteObject): Variable {
    const { objectId, subtype, className } = value;
    return {
      name,
      value: textOf(value),
      ...(objectId !== undefined && { type: className ?? subtype ?? value.type }),
      evaluateName: name,
      variablesReference: objectId === undefined ? 0 : this.numbered({ objects: [objectId] }),
    };
  }

  /** The names of all cells. */
  private async names(): Promise<string> {
    const { result } = await this.inspector.post<{ result: Runtime.RemoteObject }>(
      'Runtime.evaluate',
      { expression: "globalThis[Symbol.for('implicit-kernel.variables')]()" },
    );
    return result.objectId!;
  }

  private async properties(objectId: string): Promise<Property[]> {
    const { result } = await this.inspector.post<{ result: Property[] }>('Runtime.getProperties', {
      objectId,
      ownProperties: true,
      generatePreview: true,
    });
    const shown = result.filter(({ name }) => !NOT_SHOWN.test(name) && name !== '__proto__');
    return Promise.all(shown.map((property) => this.unboxed(property)));
  }

  private async unboxed({ name, value }: Property): Promise<Property> {
    if (!name.endsWith(BOX) || !value?.objectId) return { name, ...(value && { value }) };
    const plain = name.slice(0, -BOX.length);
    const inside = await this.properties(value.objectId);
    return inside.find((property) => property.name === plain) ?? { name: plain };
  }
}

/** `expression` for the frame of a cell, where shared names are read from their boxes. */
export function boxed(expression: string, names: readonly string[]): string {
  const all = new Set(names);
  return expression.replace(/(?<![\w$.'"`])([A-Za-z_$][\w$]*)(?![\w$'"`]|\s*:(?!:))/g, (name) =>
    all.has(`${name}${BOX}`) ? `${name}${BOX}.${name}` : name,
  );
}

export function namesIn(scopes: readonly Debugger.Scope[], inspector: Inspector) {
  const ids = scopes.flatMap(({ object }) => object.objectId ?? []);
  const asked = ids.map((objectId) =>
    inspector.post<{ result: Property[] }>('Runtime.getProperties', {
      objectId,
      ownProperties: true,
    }),
  );
  return Promise.all(asked).then((all) => all.flatMap(({ result }) => result.map((p) => p.name)));
}

/** As short as a list of variables wants it. */
function textOf({ type, value, unserializableValue, description, preview }: Runtime.RemoteObject) {
  if (type === 'string') return `'${String(value).replace(/\\/g, '\\\\').replace(/'/g, "\\'")}'`;
  if (type === 'undefined') return 'undefined';
  if (unserializableValue !== undefined) return unserializableValue;
  if (type !== 'object' && type !== 'function') return String(description ?? value);
  if (value === null) return 'null';
  const parts = preview?.properties.map(({ name, value: part = '…', type: kind }) => {
    const text = kind === 'string' ? `'${part}'` : part;
    return /^\d+$/.test(name) ? text : `${name}: ${text}`;
  });
  if (!parts || type === 'function') return description ?? type;
  const inside = [...parts, ...(preview?.overflow ? ['…'] : [])].join(', ');
  return preview?.subtype === 'array' ? `${description} [${inside}]` : `${description} {${inside}}`;
}
