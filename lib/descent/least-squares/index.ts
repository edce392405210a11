export {
  type LeastSquaresFit,
  type LeastSquaresLook,
  type LevenbergMarquardtOptions,
  levenbergMarquardt,
} from './levenberg-marquardt';
export type { JacobianProducts, LeastSquaresProblem, LinearizedResiduals } from './problem';
