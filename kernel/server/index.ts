export { Kernel } from './kernel';
