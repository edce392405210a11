import type * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend, WebGPUProgram } from '@tensorflow/tfjs-backend-webgpu';
import { kernelFunction, replaceKernel } from '../kernels/kernel';
import { angles } from './angles';

type Info = tf.TensorInfo;

/** exp(x) − 1 and log(1 + x) without the digits that the difference, or the sum, would lose. */
const exponentials = `
  fn expMinusOne(x : f32) -> f32 {
    if (abs(x) > 0.3) { return exp(x) - 1.0; }
    return x * (1.0 + x / 2.0 * (1.0 + x / 3.0 * (1.0 + x / 4.0 * (1.0 + x / 5.0 *
      (1.0 + x / 6.0 * (1.0 + x / 7.0))))));
  }
  fn logOnePlus(x : f32) -> f32 {
    if (abs(x) > 0.3) { return log(1.0 + x); }
    let s = x / (2.0 + x);
    let t = s * s;
    return 2.0 * s * (1.0 + t * (1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t / 9.0))));
  }
`;

/** The functions that the bodies of others call. */
export const helpersFor = (bodies: string): string =>
  /\b(sine|cosine|arctangent)\(/.test(bodies) ? exponentials + angles : exponentials;

const scale = 1.0507009873554805;
const scaleAlpha = 1.7580993408473766;
const log2 = Math.LN2;

/** What a function makes of a number a, which is one. */
export const bodies: Record<string, string> = {
  Acos: `if (abs(a) > 1.0) { return uniforms.NAN; }
    if (a == -1.0) { return ${Math.PI}; }
    return 2.0 * arctangent(sqrt((1.0 - a) / (1.0 + a)));`,
  Acosh: `if (a < 1.0) { return uniforms.NAN; }
    if (a > 1.0e9) { return log(a) + ${log2}; }
    let d = a - 1.0;
    return logOnePlus(d + sqrt(d) * sqrt(a + 1.0));`,
  Asin: `let m = abs(a);
    if (m > 1.0) { return uniforms.NAN; }
    if (m == 1.0) { return a * ${Math.PI / 2}; }
    return arctangent(a / sqrt((1.0 - a) * (1.0 + a)));`,
  Asinh: `let m = abs(a);
    if (m > 1.0e9) { return sign(a) * (log(m) + ${log2}); }
    return sign(a) * logOnePlus(m + m * m / (1.0 + sqrt(m * m + 1.0)));`,
  Atan: 'return arctangent(a);',
  Atanh: `let m = abs(a);
    if (m > 1.0) { return uniforms.NAN; }
    if (m == 1.0) { return sign(a) * uniforms.INFINITY; }
    return sign(a) * 0.5 * logOnePlus(2.0 * m / (1.0 - m));`,
  // A driver may take it for granted that no number is infinite, and compare with the largest one only.
  Cos: 'if (abs(a) > 3.4028234e38) { return uniforms.NAN; } return cosine(a);',
  Cosh: 'let e = exp(abs(a)); return (e + 1.0 / e) / 2.0;',
  Elu: 'if (a >= 0.0) { return a; } return expMinusOne(a);',
  // That of a NaN which was computed is ∞ on some drivers.
  Exp: 'return exp(a);',
  Expm1: 'return expMinusOne(a);',
  Log1p: `if (a < -1.0) { return uniforms.NAN; }
    if (a == -1.0) { return -uniforms.INFINITY; }
    return logOnePlus(a);`,
  Log: `if (a < 0.0) { return uniforms.NAN; }
    if (a == 0.0) { return -uniforms.INFINITY; }
    if (a > 3.4028234e38) { return a; }
    if (abs(a - 1.0) < 0.3) { return logOnePlus(a - 1.0); }
    return log(a);`,
  Relu6: 'return clamp(a, 0.0, 6.0);',
  Selu: `if (a >= 0.0) { return ${scale} * a; } return ${scaleAlpha} * expMinusOne(a);`,
  Sigmoid: 'return 1.0 / (1.0 + exp(-a));',
  Sin: 'if (abs(a) > 3.4028234e38) { return uniforms.NAN; } return sine(a);',
  Sinh: `let m = abs(a);
    if (m < 0.3) { let t = a * a; return a * (1.0 + t / 6.0 * (1.0 + t / 20.0 * (1.0 + t / 42.0))); }
    let e = exp(m);
    return sign(a) * (e - 1.0 / e) / 2.0;`,
  Softplus: 'return max(a, 0.0) + logOnePlus(exp(-abs(a)));',
  Tan: 'if (abs(a) > 3.4028234e38) { return uniforms.NAN; } return sine(a) / cosine(a);',
  Tanh: 'let e = expMinusOne(-2.0 * abs(a)); return -sign(a) * e / (e + 2.0);',
};

const workgroup = 128;

/** A shader that applies a function to each entry; a NaN stays one. */
function programOf(name: string, shape: number[]): WebGPUProgram {
  const size = shape.reduce((a, b) => a * b, 1);
  return {
    variableNames: ['A'],
    size: true,
    workgroupSize: [workgroup, 1, 1],
    outputShape: shape,
    dispatchLayout: { x: shape.map((_, i) => i) },
    dispatch: [Math.ceil(size / workgroup), 1, 1],
    shaderKey: `implicit-lab ${name}`,
    getUserCode: () => `
      ${helpersFor(bodies[name]!)}
      fn entry(a : f32) -> f32 { ${bodies[name]} }
      fn main(index : i32) {
        if (index < uniforms.size) {
          let a = getAByOutputIndex(index);
          if (isnan(a)) { setOutputAtIndex(index, a); } else { setOutputAtIndex(index, entry(a)); }
        }
      }`,
  };
}

/** The kernels of functions that fused kernels apply to what they compute. */
const fusedFunctions: Record<string, string> = { elu: 'Elu', relu6: 'Relu6', sigmoid: 'Sigmoid' };

/**
 * Functions of single numbers for which a NaN stays a NaN, and small and large numbers keep their digits.
 *
 * The stock shaders clamp and compare as if no number were NaN: 0 came out of relu6 and sigmoid, and ∞
 * of elu, so that a network that had diverged looked sound. asinh of −10⁶ was −88, and so far as the driver
 * takes a logarithm from the bits, that of NaN is 88.7.
 */
export function repairUnary(): void {
  for (const name of Object.keys(bodies)) {
    const stock = kernelFunction(name, 'webgpu');
    replaceKernel<'x', object>(name, 'webgpu', (call) => {
      const { x } = call.inputs;
      if (x.dtype !== 'float32') return stock(call);
      const backend = call.backend as tf.KernelBackend as WebGPUBackend;
      return backend.runWebGPUProgram(programOf(name, x.shape), [x], 'float32');
    });
  }
  for (const fused of ['FusedConv2D', 'FusedDepthwiseConv2D', '_FusedMatMul']) {
    const stock = kernelFunction(fused, 'webgpu');
    replaceKernel<string, { activation: string }>(fused, 'webgpu', (call) => {
      const name = fusedFunctions[call.attrs.activation];
      if (name === undefined) return stock(call);
      const attrs = { ...call.attrs, activation: 'linear' };
      const { backend } = call;
      const x = stock({ ...call, attrs }) as Info;
      const y = kernelFunction(name, 'webgpu')({ inputs: { x }, attrs: {}, backend });
      backend.disposeData(x.dataId);
      return y;
    });
  }
}
