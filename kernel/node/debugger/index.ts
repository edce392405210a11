export { Debugger } from './debugger';
export type { Inspector } from './inspector';
