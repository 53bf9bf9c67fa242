// log₂ and 2^x for loops (`omp simd`) of double or single precision: compilers make vectors of them, since they have no
// branches and call nothing. Within 4 units in the last place. Private.
//
// log₂ x = e + log₂ m with m in [√½, √2), odd in t = (m − 1)/(m + 1); 2^x = 2^n 2^r with |r| ≤ ½. The polynomials
// interpolate (2/ln 2)·artanh(√u)/√u and (2^r − 1)/r at Chebyshev points: errors 6·10⁻¹⁹ and 4·10⁻¹⁶, and 3·10⁻¹⁰ and
// 4·10⁻⁹ in single precision.
#pragma once

#include <bit>
#include <cstdint>

#include "core/wide_loops.h"

namespace sextant::vector_math {

// How a number of this type lies in memory.
template <class Scalar>
struct Bits;
template <>
struct Bits<double> {
  using Word = std::uint64_t;
  static constexpr int mantissa = 52;
  static constexpr Word one = 0x3FF0000000000000;        // 1
  static constexpr Word root_half = 0x3FE6A09E667F3BCD;  // √½
  static constexpr Word whole = 0x4330000000000000;      // 2^52: its last bits count units
  static constexpr double rounder = 0x1.8p52;            // what it is added to is rounded to a whole number
  static constexpr double bias = 1023;
};
template <>
struct Bits<float> {
  using Word = std::uint32_t;
  static constexpr int mantissa = 23;
  static constexpr Word one = 0x3F800000;
  static constexpr Word root_half = 0x3F3504F3;
  static constexpr Word whole = 0x4B000000;  // 2^23
  static constexpr float rounder = 0x1.8p23F;
  static constexpr float bias = 127;
};

// Of x > 0; a finite number for x = 0, ∞ and what is no number.
SEXTANT_ALWAYS_INLINE double log2_of(double x) {
  using B = Bits<double>;
  const B::Word bits = std::bit_cast<B::Word>(x);
  const B::Word exponent = (bits + (B::one - B::root_half)) >> B::mantissa;  // and the bias
  const auto m = std::bit_cast<double>(bits - (exponent << B::mantissa) + B::one);
  const double e = std::bit_cast<double>(exponent | B::whole) - (0x1p52 + B::bias);
  const double t = (m - 1) / (m + 1);
  const double u = t * t;
  const double v = u * u;
  const double low = (2.88539008177792677e+00 + 9.61796693925989765e-01 * u) +
                     (5.77078016345520250e-01 + 4.12198585840900522e-01 * u) * v;
  const double high = (3.20598534913959843e-01 + 2.62334352504183022e-01 * u) +
                      (2.20913084231176809e-01 + 2.13658956943192702e-01 * u) * v;
  const double q = low + high * (v * v);
  return e + t * q;
}
SEXTANT_ALWAYS_INLINE float log2_of(float x) {
  using B = Bits<float>;
  const B::Word bits = std::bit_cast<B::Word>(x);
  const B::Word exponent = (bits + (B::one - B::root_half)) >> B::mantissa;
  const auto m = std::bit_cast<float>(bits - (exponent << B::mantissa) + B::one);
  const float e = std::bit_cast<float>(exponent | B::whole) - (0x1p23F + B::bias);
  const float t = (m - 1) / (m + 1);
  const float u = t * t;
  const float q = (2.88539007980333650e+00F + 9.61798838802110034e-01F * u) +
                  (5.76715186019023385e-01F + 4.31717697458873839e-01F * u) * (u * u);
  return e + t * q;
}

// Of −1020 ≤ x ≤ 1024, or −125 ≤ x ≤ 128 in single precision; no number of what is none.
SEXTANT_ALWAYS_INLINE double exp2_of(double x) {
  using B = Bits<double>;
  const double shifted = x + B::rounder;
  const double r = x - (shifted - B::rounder);
  const auto power = std::bit_cast<double>((std::bit_cast<B::Word>(shifted) << B::mantissa) + B::one);
  const double s = r * r;
  const double t = s * s;
  const double low = (1 + 6.93147180559946174e-01 * r) + (2.40226506959100750e-01 + 5.55041086646516704e-02 * r) * s;
  const double middle = (9.61812910761866528e-03 + 1.33335582007945925e-03 * r) +
                        (1.54035304247765285e-04 + 1.52526729248507372e-05 * r) * s;
  const double high = (1.32154516332214336e-06 + 1.02059054137655955e-07 * r) + 7.07097786650813825e-09 * s;
  return (low + (middle + high * t) * t) * power;
}
SEXTANT_ALWAYS_INLINE float exp2_of(float x) {
  using B = Bits<float>;
  const float shifted = x + B::rounder;
  const float r = x - (shifted - B::rounder);
  const auto power = std::bit_cast<float>((std::bit_cast<B::Word>(shifted) << B::mantissa) + B::one);
  const float s = r * r;
  const float low = (1 + 6.93147188026228767e-01F * r) + (2.40226507605681261e-01F + 5.55035711421907815e-02F * r) * s;
  const float high = (9.61808255727785236e-03F + 1.33908633646712344e-03F * r) + 1.54531629451206911e-04F * s;
  return (low + high * (s * s)) * power;
}

}  // namespace sextant::vector_math

namespace sextant {

// What an exponential of a power takes, in multiply-adds of a matrix product.
inline constexpr double exponential_cost = 60;

}  // namespace sextant
