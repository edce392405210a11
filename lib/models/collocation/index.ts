export { type Collocation, type Condition, collocation, type Residual } from './collocation';
export { type Jet, type JetFactors, type TanhNetwork, tanhNetwork } from './tanh-network';
