export { type MatrixProduct, MOST_TERMS, productCalls, transposeCall, workOf } from './calls';
export { multiplyOn } from './multiply-on-heap';
