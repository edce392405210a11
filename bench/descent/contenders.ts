import * as tf from '@tensorflow/tfjs';
import { PALETTE } from '../../course/notebook';
import { implicitAdam, implicitSGD } from '../../lib/descent';
import { adamImplicitInPosition, adamOfImplicit, type Stepper } from './adam-variants';

/** A method with its colour in all figures. */
export interface Contender {
  name: string;
  colour: string;
  dash?: string;
  /** Where its search for a rate begins. */
  rate: number;
  make(rate: number): Stepper;
}

const [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY] = PALETTE as string[];

export const explicitOnes: Contender[] = [
  { name: 'SGD', rate: 0.32, colour: GREY!, make: (rate) => tf.train.sgd(rate) },
  { name: 'momentum', rate: 0.1, colour: ORANGE!, make: (rate) => tf.train.momentum(rate, 0.9) },
  { name: 'Adam', rate: 0.01, colour: GREEN!, make: (rate) => tf.train.adam(rate) },
];

const curvature = 'gauss-newton';

export const implicitOnes: Contender[] = [
  {
    name: 'implicit SGD',
    rate: 3.2,
    colour: BLUE!,
    make: (rate) => implicitSGD(rate, { curvature }),
  },
  {
    name: 'implicit SGD, Hessian',
    rate: 1,
    colour: SKY!,
    dash: 'dot',
    make: (rate) => implicitSGD(rate),
  },
  {
    name: 'implicit Adam',
    rate: 0.1,
    colour: VERMILION!,
    make: (rate) => implicitAdam(rate, { curvature }),
  },
  { name: 'implicit Adam, A', rate: 0.032, colour: PURPLE!, dash: 'dot', make: adamOfImplicit },
  {
    name: 'implicit Adam, B',
    rate: 0.01,
    colour: PURPLE!,
    dash: 'dash',
    make: adamImplicitInPosition,
  },
];

export const contenders = [...explicitOnes, ...implicitOnes];
