import { describe, expect, it, vi } from 'vitest';
import type { Schema } from './lite';
import { defaultsOf, takeUnchangedSettings } from './settings';

/** What Ajv's `useDefaults` makes of an empty object by each. */
const CASES: readonly [what: string, schema: Schema, settings: object | undefined][] = [
  ['a value', { properties: { a: { default: 1 }, b: {} } }, { a: 1 }],
  [
    'fields of an object',
    { properties: { a: { default: {}, properties: { b: { default: 2 } } } } },
    { a: { b: 2 } },
  ],
  ['no object for its fields', { properties: { a: { properties: { b: { default: 2 } } } } }, {}],
  [
    'elements of a list, by a definition',
    {
      properties: { a: { default: [{}, { rank: 1 }], items: { $ref: '#/definitions/entry' } } },
      definitions: { entry: { properties: { rank: { default: 50 } } } },
    },
    { a: [{ rank: 50 }, { rank: 1 }] },
  ],
  [
    'fields by the pattern of their names, and others',
    {
      properties: {
        a: {
          default: { x1: {}, y: {} },
          patternProperties: { '^x': { properties: { b: { default: 3 } } } },
          additionalProperties: { properties: { b: { default: 4 } } },
        },
      },
    },
    { a: { x1: { b: 3 }, y: { b: 4 } } },
  ],
  ['a schema from elsewhere', { properties: { a: { default: 1, $ref: 'other' } } }, undefined],
  ['all of several', { allOf: [{ properties: { a: { default: 1 } } }] }, undefined],
];

describe('defaultsOf', () => {
  it.each(CASES)('adds %s', (_, schema, settings) => {
    expect(defaultsOf(schema)).toEqual(settings);
  });

  it('leaves the schema as it is', () => {
    const schema: Schema = {
      properties: { a: { default: [{}], items: { properties: { b: { default: 1 } } } } },
    };
    defaultsOf(schema);
    expect(schema.properties!.a!.default).toEqual([{}]);
  });
});

describe('takeUnchangedSettings', () => {
  const prototype = { validateData: vi.fn((): unknown => 'checked') };
  const check = prototype.validateData;
  takeUnchangedSettings({ DefaultSchemaValidator: { prototype } });
  const validate = prototype.validateData as (part: object, populate?: boolean) => unknown;
  const part = (raw: string, schema: Schema = { properties: { a: { default: 1 } } }) => ({
    raw,
    schema,
    data: { composite: {}, user: {} },
  });

  it('takes what nobody has changed', () => {
    const unchanged = part('{}');
    expect(validate(unchanged)).toBe(null);
    expect(unchanged.data).toEqual({ composite: { a: 1 }, user: {} });
    expect(check).not.toHaveBeenCalled();
  });

  it('checks what was changed, and by a schema that it does not know', () => {
    expect(validate(part('{ "a": 2 }'))).toBe('checked');
    expect(validate(part('{}', { allOf: [] }))).toBe('checked');
  });
});
