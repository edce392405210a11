export type {
  About,
  Child,
  ChildEvents,
  Debugging,
  Ending,
  Home,
  Inspector,
  SourceFiles,
} from './home';
export { Kernel } from './kernel';
