export { type MatrixProduct, MOST_TERMS, productCalls, transposeCall, workOf } from './calls';
export { multiplyEachOn, multiplyOn } from './multiply-on-heap';
