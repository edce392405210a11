export { checkKronecker, type Kronecker, type KroneckerOptions, kronecker } from './kronecker';
export { Preconditioner } from './preconditioner';
