import * as tf from '@tensorflow/tfjs';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import { PALETTE } from '../../lib/notebook';
import { adamImplicitInPosition, adamOfImplicit, type Stepper } from './adam-variants';

/** A method with its colour in all figures. */
export interface Contender {
  name: string;
  colour: string;
  dash?: string;
  make(rate: number): Stepper;
}

const [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY] = PALETTE as string[];

export const explicitOnes: Contender[] = [
  { name: 'SGD', colour: GREY!, make: (rate) => tf.train.sgd(rate) },
  { name: 'momentum', colour: ORANGE!, make: (rate) => tf.train.momentum(rate, 0.9) },
  { name: 'Adam', colour: GREEN!, make: (rate) => tf.train.adam(rate) },
];

const curvature = 'gauss-newton';

export const implicitOnes: Contender[] = [
  { name: 'implicit SGD', colour: BLUE!, make: (rate) => implicitSGD(rate, { curvature }) },
  {
    name: 'implicit SGD, Hessian',
    colour: SKY!,
    dash: 'dot',
    make: (rate) => implicitSGD(rate),
  },
  { name: 'implicit Adam', colour: VERMILION!, make: (rate) => implicitAdam(rate, { curvature }) },
  { name: 'implicit Adam, A', colour: PURPLE!, dash: 'dot', make: adamOfImplicit },
  { name: 'implicit Adam, B', colour: PURPLE!, dash: 'dash', make: adamImplicitInPosition },
];

export const contenders = [...explicitOnes, ...implicitOnes];
