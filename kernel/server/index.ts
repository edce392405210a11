export { Kernel } from './kernel';
export { watchParent } from './parent-watch';
