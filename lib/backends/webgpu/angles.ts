/**
 * Sine, cosine and inverse tangent in WGSL, to a few units of the last digit for every number.
 *
 * Those of a GPU may be off by 2⁻¹¹ between −π and π and by anything beyond (inverse tangents by 4096
 * units of the last digit), as the specification of WGSL says; a driver that computes on the processor has
 * 2e-4 at 100 and 1 for the sine of 10³⁰.
 *
 * An angle is reduced to a multiple of π/2 and a rest of at most π/4: below 4096 by π/2 in three parts, of
 * which the first two have exact products with the multiple (Cody and Waite); from there on by integers,
 * since x = m 2ᵉ with 24 digits m, and only 64 digits of 2/π decide what x 2/π is modulo 4 (Payne and
 * Hanek). The series of sine and cosine end where the next term is below 2e-9.
 */
export const angles = `
  fn digitsOfTwoOverPi(word : u32) -> u32 {
    switch (word) {
      case 1u: { return 0xa2f9836eu; }
      case 2u: { return 0x4e441529u; }
      case 3u: { return 0xfc2757d1u; }
      case 4u: { return 0xf534ddc0u; }
      case 5u: { return 0xdb629599u; }
      case 6u: { return 0x3c439041u; }
      default: { return 0u; }
    }
  }
  fn digitsFrom(place : u32) -> u32 {
    let word = place >> 5u;
    let shift = place & 31u;
    return (digitsOfTwoOverPi(word) << shift) |
      ((digitsOfTwoOverPi(word + 1u) >> 1u) >> (31u - shift));
  }
  // The rest, and the quarter turns before it, of an angle of at least 4096.
  fn turnedFar(x : f32) -> vec2<f32> {
    let bits = bitcast<u32>(x);
    let m = (bits & 0x7fffffu) | 0x800000u;
    let place = ((bits >> 23u) & 255u) - 120u;
    let first = digitsFrom(place);
    let second = digitsFrom(place + 32u);
    let m1 = m >> 16u;
    let m0 = m & 0xffffu;
    let s1 = second >> 16u;
    let lowest = m0 * (second & 0xffffu);
    let inner = m0 * s1;
    let middle = (inner & 0xffffu) + m1 * (second & 0xffffu) + (lowest >> 16u);
    let high = m * first + m1 * s1 + (inner >> 16u) + (middle >> 16u);
    let low = (middle << 16u) | (lowest & 0xffffu);
    let n = (high + 0x20000000u) >> 30u;
    let units = f32(bitcast<i32>(high - (n << 30u))) + f32(low) * ${2 ** -32};
    let turned = vec2<f32>(units * ${Math.PI / 2 ** 31}, f32(n));
    return select(turned, -turned, x < 0.0);
  }
  fn turned(x : f32) -> vec2<f32> {
    let m = abs(x);
    if (m < 0.785) { return vec2<f32>(x, 0.0); }
    if (m >= 4096.0) { return turnedFar(x); }
    let n = round(x * ${2 / Math.PI});
    return vec2<f32>(fma(n, -7.5497899548918821e-8, fma(n, -4.8375129699707031e-4, fma(n, -1.5703125, x))), n);
  }
  fn sineOf(rest : f32, turns : i32) -> f32 {
    let z = rest * rest;
    var y = rest * (1.0 - z * ${1 / 6} * (1.0 - z * 0.05 * (1.0 - z * ${1 / 42} * (1.0 - z * ${1 / 72}))));
    if ((turns & 1) == 1) {
      y = 1.0 - z * 0.5 * (1.0 - z * ${1 / 12} * (1.0 - z * ${1 / 30} * (1.0 - z * ${1 / 56} * (1.0 - z * ${1 / 90}))));
    }
    return select(y, -y, (turns & 2) == 2);
  }
  fn sine(x : f32) -> f32 {
    let t = turned(x);
    return sineOf(t.x, i32(t.y));
  }
  fn cosine(x : f32) -> f32 {
    let t = turned(x);
    return sineOf(t.x, i32(t.y) + 1);
  }
  fn arctangent(x : f32) -> f32 {
    let m = abs(x);
    let steep = m > 1.0;
    let t = select(m, 1.0 / max(m, 1.0), steep);
    let tilted = t > ${Math.tan(Math.PI / 8)};
    let u = select(t, (t - 1.0) / (t + 1.0), tilted);
    let z = u * u;
    let series = u * (1.0 + z * (-0.33333333279 + z * (0.19999977259 + z * (-0.14284151193 + z *
      (0.11071365019 + z * (-0.08624676123 + z * 0.05048138456))))));
    let y = series + select(0.0, ${Math.PI / 4}, tilted);
    return sign(x) * select(y, ${Math.PI / 2} - y, steep);
  }
`;
