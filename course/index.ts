export * from './datasets';
export * from './exercises';
export * from './experiments';
export * from './notebook';
export * from './transfer';
