export { nodeHome } from './home';
export { watchParent } from './parent-watch';
export { readConnection } from './protocol';
