export { printTable } from '../unrolling/table';
