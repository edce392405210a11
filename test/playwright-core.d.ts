declare module 'playwright-core/lib/utilsBundle' {
  const bundle: { ws: unknown };
  export default bundle;
}
