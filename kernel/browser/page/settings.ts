import type { PageParts, Schema } from './lite';

type Fields = Record<string, unknown>;

/**
 * Lets settings that nobody has changed be taken without a check, for which JupyterLab compiles the schemas of its ninety
 * parts, each twice, before it shows anything. What a reader has changed is checked as before.
 */
export function takeUnchangedSettings({
  DefaultSchemaValidator: { prototype },
}: PageParts['@jupyterlab/settingregistry']): void {
  const { validateData } = prototype;
  prototype.validateData = function (part, populate = true) {
    const composite = part.raw.trim() === '{}' ? defaultsOf(part.schema) : undefined;
    if (!composite) return validateData.call(this, part, populate);
    if (populate) part.data = { composite, user: {} };
    return null;
  };
}

/**
 * What a schema adds to settings of which none is given, as Ajv's `useDefaults` does it.
 *
 * @returns undefined for a schema with parts that this does not know
 */
export function defaultsOf(schema: Schema): Fields | undefined {
  const settings: Fields = {};
  return complete(settings, schema, schema) ? settings : undefined;
}

/** Adds to `value` what `schema` has for what is left out, in all its depth; false for what is not known. */
function complete(value: unknown, schema: Schema, root: Schema): boolean {
  const { $ref, allOf, items } = schema;
  if (allOf || Array.isArray(items)) return false;
  if ($ref !== undefined) {
    const name = /^#\/definitions\/(\w+)$/.exec($ref)?.[1];
    const meant = name === undefined ? undefined : root.definitions?.[name];
    if (!meant || !complete(value, meant, root)) return false;
  }
  if (Array.isArray(value)) return value.every((each) => !items || complete(each, items, root));
  return !isFields(value) || completeFields(value, schema, root);
}

function completeFields(value: Fields, schema: Schema, root: Schema): boolean {
  const { properties = {}, patternProperties = {}, additionalProperties } = schema;
  for (const [name, { default: usual }] of Object.entries(properties)) {
    if (value[name] === undefined && usual !== undefined) value[name] = structuredClone(usual);
  }
  return Object.entries(value).every(([name, field]) => {
    const named = Object.hasOwn(properties, name) ? [properties[name]!] : [];
    const matching = Object.entries(patternProperties)
      .filter(([pattern]) => new RegExp(pattern, 'u').test(name))
      .map(([, each]) => each);
    const known = [...named, ...matching];
    const all =
      known.length === 0 && typeof additionalProperties === 'object'
        ? [additionalProperties]
        : known;
    return all.every((each) => complete(field, each, root));
  });
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
