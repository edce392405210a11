/** A function that puts methods back as they are now, whether inherited or an object's own. */
export function restorer<K extends PropertyKey>(
  object: Record<K, unknown>,
  names: K[],
): () => void {
  const before = names.map((name) => Object.getOwnPropertyDescriptor(object, name));
  return () => {
    names.forEach((name, i) => {
      const descriptor = before[i];
      if (descriptor === undefined) delete (object as Partial<Record<K, unknown>>)[name];
      else Object.defineProperty(object, name, descriptor);
    });
  };
}
