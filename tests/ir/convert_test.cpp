#include "ir/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace godwit {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

// The types as their standards define them, independent of the converter: sign, exponent and mantissa fields.
struct Format {
  DType dtype;
  int exponent_bits;
  int mantissa_bits;
  int bias;
  enum { kIeee, kFn, kFnuz, kFinite } specials;
};
constexpr Format kFormats[] = {
    {DType::kF16, 5, 10, 15, Format::kIeee},      {DType::kBF16, 8, 7, 127, Format::kIeee},
    {DType::kF8E5M2, 5, 2, 15, Format::kIeee},    {DType::kF8E4M3FN, 4, 3, 7, Format::kFn},
    {DType::kF8E4M3FNUZ, 4, 3, 8, Format::kFnuz}, {DType::kF8E5M2FNUZ, 5, 2, 16, Format::kFnuz},
    {DType::kF4E2M1, 2, 1, 1, Format::kFinite},
};

double Define(const Format& f, uint32_t code) {
  const uint32_t mantissa = code & ((1U << f.mantissa_bits) - 1);
  const uint32_t exponent = (code >> f.mantissa_bits) & ((1U << f.exponent_bits) - 1);
  const bool negative = (code >> (f.mantissa_bits + f.exponent_bits)) & 1;
  const bool top = exponent == (1U << f.exponent_bits) - 1;
  const bool full = mantissa == (1U << f.mantissa_bits) - 1;
  if (f.specials == Format::kFnuz && negative && exponent == 0 && mantissa == 0) return kNan;
  if (f.specials == Format::kIeee && top) return mantissa != 0 ? kNan : negative ? -kInf : kInf;
  if (f.specials == Format::kFn && top && full) return kNan;
  const double fraction = mantissa / std::pow(2.0, f.mantissa_bits);
  const double magnitude = exponent == 0 ? fraction * std::pow(2.0, 1 - f.bias)
                                         : (1 + fraction) * std::pow(2.0, static_cast<int>(exponent) - f.bias);
  return negative ? -magnitude : magnitude;
}

uint32_t Store(DType dtype, double value, ConvertOptions options = {}) {
  uint32_t code = 0;
  std::byte bytes[8] = {};
  StoreF64(dtype, value, bytes, options);
  std::memcpy(&code, bytes, ByteSize(dtype));
  return code;
}

double Load(DType dtype, uint32_t code) {
  std::byte bytes[4];
  std::memcpy(bytes, &code, 4);
  return LoadF64(dtype, bytes);
}

bool Same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b));
}

TEST(Convert, EveryCodeReadsAsDefinedAndRoundTrips) {
  for (const Format& f : kFormats) {
    const uint32_t codes = 1U << (1 + f.exponent_bits + f.mantissa_bits);
    for (uint32_t code = 0; code < codes; ++code) {
      const double value = Define(f, code);
      ASSERT_TRUE(Same(Load(f.dtype, code), value)) << Name(f.dtype) << " " << code;
      ConvertOptions exact;
      exact.saturate = false;
      if (!std::isnan(value)) {
        ASSERT_EQ(Store(f.dtype, value, exact), code) << Name(f.dtype) << " " << value;
      } else {
        ASSERT_TRUE(std::isnan(Load(f.dtype, Store(f.dtype, value, exact))));
      }
    }
  }
}

TEST(Convert, EveryMidpointRoundsToEven) {
  for (const Format& f : kFormats) {
    const uint32_t codes = 1U << (f.exponent_bits + f.mantissa_bits);
    for (uint32_t code = 0; code + 1 < codes; ++code) {
      const double low = Define(f, code);
      const double high = Define(f, code + 1);
      if (!std::isfinite(low) || !std::isfinite(high)) continue;
      const double middle = (low + high) / 2;
      const uint32_t even = code % 2 == 0 ? code : code + 1;
      const uint32_t sign = codes;
      ASSERT_EQ(Store(f.dtype, middle), even) << Name(f.dtype) << " " << code;
      ASSERT_EQ(Store(f.dtype, std::nextafter(middle, 0)), code) << Name(f.dtype) << " " << code;
      ASSERT_EQ(Store(f.dtype, std::nextafter(middle, kInf)), code + 1) << Name(f.dtype) << " " << code;
      const bool lost_sign = f.specials == Format::kFnuz && even == 0;
      ASSERT_EQ(Store(f.dtype, -middle), lost_sign ? 0 : even | sign) << Name(f.dtype) << " " << code;
    }
  }
}

TEST(Convert, OutOfRangeAsTheCastOperatorSays) {
  struct Case {
    DType dtype;
    double value;
    double saturated;
    double plain;
  };
  const Case cases[] = {
      {DType::kF8E4M3FN, 464, 448, 448},
      {DType::kF8E4M3FN, 465, 448, kNan},
      {DType::kF8E4M3FN, kInf, 448, kNan},
      {DType::kF8E4M3FN, -kInf, -448, kNan},
      {DType::kF8E4M3FNUZ, 1e6, 240, kNan},
      {DType::kF8E4M3FNUZ, -kInf, -240, kNan},
      {DType::kF8E4M3FNUZ, -0.0, 0.0, 0.0},
      {DType::kF8E5M2, 1e6, 57344, kInf},
      {DType::kF8E5M2, -kInf, -57344, -kInf},
      {DType::kF8E5M2FNUZ, 1e6, 57344, kNan},
      {DType::kF8E5M2FNUZ, kInf, 57344, kNan},
      {DType::kF8E4M3FN, kNan, kNan, kNan},
      {DType::kF4E2M1, 1e6, 6, 6},
      {DType::kF4E2M1, -kInf, -6, -6},
      {DType::kF4E2M1, kNan, 0, 0},
      {DType::kF16, 65519, 65504, 65504},
      {DType::kF16, 65520, kInf, kInf},
      {DType::kBF16, -3.4e38, -kInf, -kInf},
      {DType::kF32, 1e39, kInf, kInf},
      {DType::kF32, -1e39, -kInf, -kInf},
  };
  for (const Case& c : cases) {
    EXPECT_TRUE(Same(RoundTo(c.dtype, c.value), c.saturated)) << Name(c.dtype) << " " << c.value;
    ConvertOptions plain;
    plain.saturate = false;
    EXPECT_TRUE(Same(RoundTo(c.dtype, c.value, plain), c.plain)) << Name(c.dtype) << " " << c.value;
  }
}

TEST(Convert, PowersOfTwo) {
  for (uint32_t code = 0; code < 255; ++code) {
    const double value = std::pow(2.0, static_cast<int>(code) - 127);
    ASSERT_EQ(Load(DType::kF8E8M0, code), value);
    using Round = ConvertOptions::Round;
    for (Round round : {Round::kUp, Round::kDown, Round::kNearest}) {
      ConvertOptions options;
      options.e8m0 = round;
      ASSERT_EQ(Store(DType::kF8E8M0, value, options), code);
      const uint32_t above = code == 254 ? 254 : code + 1;
      ASSERT_EQ(Store(DType::kF8E8M0, value * 1.25, options), round == Round::kUp ? above : code);
      ASSERT_EQ(Store(DType::kF8E8M0, value * 1.5, options), round == Round::kDown ? code : above);
    }
  }
  EXPECT_TRUE(std::isnan(Load(DType::kF8E8M0, 255)));
  ConvertOptions plain;
  plain.saturate = false;
  EXPECT_EQ(Store(DType::kF8E8M0, 0), 0U);
  EXPECT_EQ(Store(DType::kF8E8M0, 0, plain), 255U);
  EXPECT_EQ(Store(DType::kF8E8M0, kInf), 254U);
  EXPECT_EQ(Store(DType::kF8E8M0, 0x1.8p127, plain), 255U);
  EXPECT_EQ(Store(DType::kF8E8M0, kNan), 255U);
}

TEST(Convert, IntegersKeepTheirLowBits) {
  struct Case {
    DType dtype;
    double value;
    int64_t stored;
  };
  const Case cases[] = {
      {DType::kI4, -9, 7},
      {DType::kI4, 8.7, -8},
      {DType::kI4, -1.9, -1},
      {DType::kU4, 16, 0},
      {DType::kI2, 2, -2},
      {DType::kU2, 5, 1},
      {DType::kU8, -1, 255},
      {DType::kI8, 200, -56},
      {DType::kI32, 2.9, 2},
      {DType::kI32, -2.9, -2},
      {DType::kI64, kNan, 0},
      {DType::kI64, 1e300, INT64_MAX},
      {DType::kI64, -1e300, INT64_MIN},
      {DType::kBool, 0.5, 1},
      {DType::kBool, kNan, 1},
      {DType::kBool, -0.0, 0},
  };
  for (const Case& c : cases) {
    std::byte bytes[8] = {};
    StoreF64(c.dtype, c.value, bytes);
    EXPECT_EQ(LoadI64(c.dtype, bytes), c.stored) << Name(c.dtype) << " " << c.value;
  }
  std::byte bytes[8] = {};
  StoreF64(DType::kU64, 0x1p63 + 0x1p62, bytes);
  EXPECT_EQ(LoadU64(DType::kU64, bytes), uint64_t{3} << 62);
  StoreI64(DType::kI16, 70000, bytes);
  EXPECT_EQ(LoadI64(DType::kI16, bytes), 4464);
}

TEST(Convert, WideIntegersRoundOnce) {
  std::byte bytes[8] = {};
  // Just above a tie of bf16; rounded to f64 first it would lie on the tie and go down.
  StoreI64(DType::kBF16, (int64_t{1} << 60) + (int64_t{1} << 52) + 1, bytes);
  EXPECT_EQ(LoadF64(DType::kBF16, bytes), 0x1p60 + 0x1p53);
  StoreI64(DType::kBF16, -(int64_t{1} << 60) - (int64_t{1} << 52), bytes);
  EXPECT_EQ(LoadF64(DType::kBF16, bytes), -0x1p60);
  StoreI64(DType::kF32, (int64_t{1} << 60) + (int64_t{1} << 36) + 1, bytes);
  EXPECT_EQ(LoadF64(DType::kF32, bytes), 0x1p60 + 0x1p37);
  StoreU64(DType::kF64, UINT64_MAX, bytes);
  EXPECT_EQ(LoadF64(DType::kF64, bytes), 0x1p64);
}

TEST(Convert, WholeTensors) {
  for (int d = 1; d < kDTypeCount; ++d) {
    const auto dtype = static_cast<DType>(d);
    Tensor t(dtype, {3});
    const double values[] = {1, 0, 1};
    if (dtype == DType::kString) {
      EXPECT_EQ(FromF64(values, &t).diag().id, "op.type");
      EXPECT_EQ(ConvertTensor(t, DType::kF32).diag().id, "op.type");
      continue;
    }
    ASSERT_TRUE(FromF64(values, &t).ok());
    const double zero = dtype == DType::kF8E8M0 ? 0x1p-127 : 0;
    EXPECT_EQ(ToF64(t), (std::vector<double>{1, zero, 1})) << Name(dtype);
    EXPECT_EQ(ToI64(t), (std::vector<int64_t>{1, 0, 1})) << Name(dtype);
    EXPECT_EQ(ToU64(t), (std::vector<uint64_t>{1, 0, 1})) << Name(dtype);
    EXPECT_EQ(ToComplex(t)[2], std::complex<double>(1)) << Name(dtype);
    EXPECT_EQ(FromF64({values, 2}, &t).diag().id, "tensor.shape");
    for (int to = 1; to < kDTypeCount - 1; ++to) {
      const Result<Tensor> converted = ConvertTensor(t, static_cast<DType>(to));
      ASSERT_TRUE(converted.ok());
      EXPECT_EQ(ToF64(*converted)[2], 1.0) << Name(dtype) << " to " << Name(converted->dtype());
    }
  }
}

}  // namespace
}  // namespace godwit
