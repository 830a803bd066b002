#include "ir/convert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "base/text.h"
#include "ir/minifloat.h"

namespace godwit {

namespace {

using Complex = std::complex<double>;

// A 64-bit integer as a double whose last bit is sticky, so that rounding it further is still one rounding.
double RoundToOdd(uint64_t magnitude) {
  const int extra = 11 - std::countl_zero(magnitude | 1);
  if (extra <= 0) return static_cast<double>(magnitude);
  const uint64_t dropped = magnitude & ((uint64_t{1} << extra) - 1);
  return std::ldexp(static_cast<double>((magnitude >> extra) | (dropped != 0 ? 1U : 0U)), extra);
}

double RoundToOdd(int64_t value) {
  return value < 0 ? -RoundToOdd(0 - static_cast<uint64_t>(value)) : RoundToOdd(static_cast<uint64_t>(value));
}

int64_t Truncate(double value) {
  if (!(value > -0x1p63)) return value <= -0x1p63 ? std::numeric_limits<int64_t>::min() : 0;
  if (value >= 0x1p63) return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(value);
}

uint64_t TruncateUnsigned(double value) {
  if (value >= 0x1p64) return std::numeric_limits<uint64_t>::max();
  if (value >= 0x1p63) return static_cast<uint64_t>(value);
  return static_cast<uint64_t>(Truncate(value));
}

uint8_t EncodeE8M0(double value, ConvertOptions options) {
  constexpr uint8_t kNan = 0xFF;
  if (std::isnan(value)) return kNan;
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude) || magnitude < 0x1p-127) {
    if (!options.saturate) return kNan;
    return std::isinf(magnitude) ? 0xFE : 0;
  }
  int exponent = 0;
  const double fraction = std::frexp(magnitude, &exponent);  // in [0.5, 1)
  exponent += 126;
  using Round = ConvertOptions::Round;
  if (options.e8m0 == Round::kUp ? fraction > 0.5 : options.e8m0 == Round::kNearest && fraction >= 0.75) ++exponent;
  if (exponent > 0xFE) return options.saturate ? 0xFE : kNan;
  return static_cast<uint8_t>(exponent);
}

// How one element type is stored and read. `Raw` is what lies in memory; kind() says which wide type holds it exactly.
template <DType D, class RawType>
struct Plain {
  using Raw = RawType;
  static double F64(Raw r) { return static_cast<double>(r); }
  static int64_t I64(Raw r) {
    if constexpr (std::is_floating_point_v<Raw>) return Truncate(static_cast<double>(r));
    return static_cast<int64_t>(r);
  }
  static uint64_t U64(Raw r) {
    if constexpr (std::is_floating_point_v<Raw>) return TruncateUnsigned(static_cast<double>(r));
    return static_cast<uint64_t>(r);
  }
  static Complex C(Raw r) { return {F64(r), 0}; }
  static Raw Of(double v, ConvertOptions) {
    if constexpr (std::is_same_v<Raw, uint64_t>) return TruncateUnsigned(v);
    if constexpr (std::is_integral_v<Raw>) return static_cast<Raw>(Truncate(v));
    return static_cast<Raw>(v);
  }
  static Raw Of(int64_t v, ConvertOptions) { return static_cast<Raw>(v); }
  static Raw Of(uint64_t v, ConvertOptions) { return static_cast<Raw>(v); }
  static Raw Of(Complex v, ConvertOptions o) { return Of(v.real(), o); }
};

// 2- and 4-bit integers, one to a byte, sign-extended.
template <int kBits, bool kSign>
struct SubByte {
  using Raw = std::conditional_t<kSign, int8_t, uint8_t>;
  static Raw Wrap(uint64_t v) {
    const auto low = static_cast<uint32_t>(v) & ((1U << kBits) - 1);
    if (kSign && (low >> (kBits - 1)) != 0) return static_cast<Raw>(static_cast<int32_t>(low) - (1 << kBits));
    return static_cast<Raw>(low);
  }
  static double F64(Raw r) { return r; }
  static int64_t I64(Raw r) { return r; }
  static uint64_t U64(Raw r) { return static_cast<uint64_t>(static_cast<int64_t>(r)); }
  static Complex C(Raw r) { return {F64(r), 0}; }
  static Raw Of(double v, ConvertOptions) { return Wrap(static_cast<uint64_t>(Truncate(v))); }
  static Raw Of(int64_t v, ConvertOptions) { return Wrap(static_cast<uint64_t>(v)); }
  static Raw Of(uint64_t v, ConvertOptions) { return Wrap(v); }
  static Raw Of(Complex v, ConvertOptions o) { return Of(v.real(), o); }
};

struct Bool {
  using Raw = uint8_t;
  static double F64(Raw r) { return r != 0 ? 1 : 0; }
  static int64_t I64(Raw r) { return r != 0 ? 1 : 0; }
  static uint64_t U64(Raw r) { return r != 0 ? 1 : 0; }
  static Complex C(Raw r) { return {F64(r), 0}; }
  static Raw Of(double v, ConvertOptions) { return v != 0 ? 1 : 0; }
  static Raw Of(int64_t v, ConvertOptions) { return v != 0 ? 1 : 0; }
  static Raw Of(uint64_t v, ConvertOptions) { return v != 0 ? 1 : 0; }
  static Raw Of(Complex v, ConvertOptions) { return v != Complex() ? 1 : 0; }
};

// Widening and narrowing shared by the types that go through f64; Codec has Raw, Decode and Encode.
template <class Codec>
struct ThroughF64 {
  using Raw = typename Codec::Raw;
  static double F64(Raw r) { return Codec::Decode(r); }
  static int64_t I64(Raw r) { return Truncate(F64(r)); }
  static uint64_t U64(Raw r) { return TruncateUnsigned(F64(r)); }
  static Complex C(Raw r) { return {F64(r), 0}; }
  static Raw Of(double v, ConvertOptions o) { return Codec::Encode(v, o); }
  static Raw Of(int64_t v, ConvertOptions o) { return Codec::Encode(RoundToOdd(v), o); }
  static Raw Of(uint64_t v, ConvertOptions o) { return Codec::Encode(RoundToOdd(v), o); }
  static Raw Of(Complex v, ConvertOptions o) { return Codec::Encode(v.real(), o); }
};

template <const MiniFloat& kBits, class RawType>
struct Mini {
  using Raw = RawType;
  static double Decode(Raw r) { return DecodeMini(kBits, r); }
  static Raw Encode(double v, ConvertOptions o) {
    // Only 8-bit types know saturation; the wider ones overflow to infinity as IEEE types do.
    return static_cast<Raw>(EncodeMini(kBits, v, sizeof(Raw) == 1 && o.saturate));
  }
};

struct E8M0 {
  using Raw = uint8_t;
  static double Decode(Raw r) {
    return r == 0xFF ? std::numeric_limits<double>::quiet_NaN() : std::ldexp(1.0, r - 127);
  }
  static Raw Encode(double v, ConvertOptions o) { return EncodeE8M0(v, o); }
};

template <class Real>
struct ComplexOf {
  using Raw = std::complex<Real>;
  static double F64(Raw r) { return static_cast<double>(r.real()); }
  static int64_t I64(Raw r) { return Truncate(F64(r)); }
  static uint64_t U64(Raw r) { return TruncateUnsigned(F64(r)); }
  static Complex C(Raw r) { return Complex(r); }
  static Raw Of(double v, ConvertOptions) { return {static_cast<Real>(v), 0}; }
  static Raw Of(int64_t v, ConvertOptions) { return {static_cast<Real>(v), 0}; }
  static Raw Of(uint64_t v, ConvertOptions) { return {static_cast<Real>(v), 0}; }
  static Raw Of(Complex v, ConvertOptions) { return {static_cast<Real>(v.real()), static_cast<Real>(v.imag())}; }
};

// Calls `visit` with the codec of the type; false for types without numbers.
template <class Visit>
bool WithCodec(DType dtype, Visit visit) {
  switch (dtype) {
    case DType::kF64: visit(Plain<DType::kF64, double>()); return true;
    case DType::kF32: visit(Plain<DType::kF32, float>()); return true;
    case DType::kF16: visit(ThroughF64<Mini<kF16Bits, uint16_t>>()); return true;
    case DType::kBF16: visit(ThroughF64<Mini<kBF16Bits, uint16_t>>()); return true;
    case DType::kF8E4M3FN: visit(ThroughF64<Mini<kF8E4M3FNBits, uint8_t>>()); return true;
    case DType::kF8E4M3FNUZ: visit(ThroughF64<Mini<kF8E4M3FNUZBits, uint8_t>>()); return true;
    case DType::kF8E5M2: visit(ThroughF64<Mini<kF8E5M2Bits, uint8_t>>()); return true;
    case DType::kF8E5M2FNUZ: visit(ThroughF64<Mini<kF8E5M2FNUZBits, uint8_t>>()); return true;
    case DType::kF8E8M0: visit(ThroughF64<E8M0>()); return true;
    case DType::kF4E2M1: visit(ThroughF64<Mini<kF4E2M1Bits, uint8_t>>()); return true;
    case DType::kI64: visit(Plain<DType::kI64, int64_t>()); return true;
    case DType::kI32: visit(Plain<DType::kI32, int32_t>()); return true;
    case DType::kI16: visit(Plain<DType::kI16, int16_t>()); return true;
    case DType::kI8: visit(Plain<DType::kI8, int8_t>()); return true;
    case DType::kI4: visit(SubByte<4, true>()); return true;
    case DType::kI2: visit(SubByte<2, true>()); return true;
    case DType::kU64: visit(Plain<DType::kU64, uint64_t>()); return true;
    case DType::kU32: visit(Plain<DType::kU32, uint32_t>()); return true;
    case DType::kU16: visit(Plain<DType::kU16, uint16_t>()); return true;
    case DType::kU8: visit(Plain<DType::kU8, uint8_t>()); return true;
    case DType::kU4: visit(SubByte<4, false>()); return true;
    case DType::kU2: visit(SubByte<2, false>()); return true;
    case DType::kBool: visit(Bool()); return true;
    case DType::kC64: visit(ComplexOf<float>()); return true;
    case DType::kC128: visit(ComplexOf<double>()); return true;
    case DType::kNone:
    case DType::kString: break;
  }
  return false;
}

template <class Codec>
typename Codec::Raw Read(const std::byte* element) {
  typename Codec::Raw raw;
  std::memcpy(&raw, element, sizeof(raw));
  return raw;
}

template <class Wide, class Codec>
Wide Widen(Codec, typename Codec::Raw raw) {
  if constexpr (std::is_same_v<Wide, double>) return Codec::F64(raw);
  if constexpr (std::is_same_v<Wide, int64_t>) return Codec::I64(raw);
  if constexpr (std::is_same_v<Wide, uint64_t>) return Codec::U64(raw);
  if constexpr (std::is_same_v<Wide, Complex>) return Codec::C(raw);
}

template <class Wide>
Wide Load(DType dtype, const std::byte* element) {
  Wide out{};
  WithCodec(dtype, [&](auto codec) { out = Widen<Wide>(codec, Read<decltype(codec)>(element)); });
  return out;
}

template <class Wide>
void StoreOne(DType dtype, Wide value, std::byte* element, ConvertOptions options) {
  WithCodec(dtype, [&](auto codec) {
    const auto raw = codec.Of(value, options);
    std::memcpy(element, &raw, sizeof(raw));
  });
}

template <class Wide>
void LoadRange(DType dtype, const std::byte* from, std::span<Wide> to) {
  WithCodec(dtype, [&](auto codec) {
    using Raw = typename decltype(codec)::Raw;
    for (size_t i = 0; i < to.size(); ++i) to[i] = Widen<Wide>(codec, Read<decltype(codec)>(from + i * sizeof(Raw)));
  });
}

template <class Wide>
bool StoreRange(DType dtype, std::span<const Wide> from, std::byte* to, ConvertOptions options) {
  return WithCodec(dtype, [&](auto codec) {
    for (size_t i = 0; i < from.size(); ++i) {
      const auto raw = codec.Of(from[i], options);
      std::memcpy(to + i * sizeof(raw), &raw, sizeof(raw));
    }
  });
}

template <class Wide>
std::vector<Wide> LoadAll(const Tensor& tensor) {
  std::vector<Wide> out(static_cast<size_t>(tensor.size()));
  LoadRange<Wide>(tensor.dtype(), tensor.raw(), out);
  return out;
}

template <class Wide>
Status StoreAll(std::span<const Wide> values, Tensor* tensor, ConvertOptions options) {
  if (values.size() != static_cast<size_t>(tensor->size())) {
    return Diag(diag::kTensorShape,
                Concat(std::to_string(values.size()), " values for a tensor of shape ", ToString(tensor->dims())));
  }
  if (!StoreRange(tensor->dtype(), values, tensor->mutable_raw(), options)) {
    return Diag(diag::kOpType, Concat("numbers cannot be stored as ", Name(tensor->dtype())));
  }
  return Ok{};
}

template <class Wide>
void ConvertThrough(const Tensor& from, Tensor* to, ConvertOptions options) {
  constexpr size_t kChunk = 1024;
  std::vector<Wide> wide(kChunk);
  const auto count = static_cast<size_t>(from.size());
  for (size_t i = 0; i < count; i += kChunk) {
    const std::span<Wide> chunk(wide.data(), std::min(kChunk, count - i));
    LoadRange<Wide>(from.dtype(), from.raw() + i * ByteSize(from.dtype()), chunk);
    StoreRange<Wide>(to->dtype(), chunk, to->mutable_raw() + i * ByteSize(to->dtype()), options);
  }
}

}  // namespace

double LoadF64(DType dtype, const std::byte* element) { return Load<double>(dtype, element); }
int64_t LoadI64(DType dtype, const std::byte* element) { return Load<int64_t>(dtype, element); }
uint64_t LoadU64(DType dtype, const std::byte* element) { return Load<uint64_t>(dtype, element); }
Complex LoadComplex(DType dtype, const std::byte* element) { return Load<Complex>(dtype, element); }

void StoreF64(DType dtype, double value, std::byte* element, ConvertOptions options) {
  StoreOne(dtype, value, element, options);
}
void StoreI64(DType dtype, int64_t value, std::byte* element, ConvertOptions options) {
  StoreOne(dtype, value, element, options);
}
void StoreU64(DType dtype, uint64_t value, std::byte* element, ConvertOptions options) {
  StoreOne(dtype, value, element, options);
}
void StoreComplex(DType dtype, Complex value, std::byte* element, ConvertOptions options) {
  StoreOne(dtype, value, element, options);
}

double RoundTo(DType dtype, double value, ConvertOptions options) {
  double out = value;
  WithCodec(dtype, [&](auto codec) { out = codec.F64(codec.Of(value, options)); });
  return out;
}

std::vector<double> ToF64(const Tensor& tensor) { return LoadAll<double>(tensor); }
std::vector<int64_t> ToI64(const Tensor& tensor) { return LoadAll<int64_t>(tensor); }
std::vector<uint64_t> ToU64(const Tensor& tensor) { return LoadAll<uint64_t>(tensor); }
std::vector<Complex> ToComplex(const Tensor& tensor) { return LoadAll<Complex>(tensor); }

Status FromF64(std::span<const double> values, Tensor* tensor, ConvertOptions options) {
  return StoreAll(values, tensor, options);
}
Status FromI64(std::span<const int64_t> values, Tensor* tensor, ConvertOptions options) {
  return StoreAll(values, tensor, options);
}
Status FromU64(std::span<const uint64_t> values, Tensor* tensor, ConvertOptions options) {
  return StoreAll(values, tensor, options);
}
Status FromComplex(std::span<const Complex> values, Tensor* tensor, ConvertOptions options) {
  return StoreAll(values, tensor, options);
}

Result<Tensor> ConvertTensor(const Tensor& tensor, DType dtype, ConvertOptions options) {
  if (dtype == tensor.dtype()) return tensor;
  if (dtype == DType::kString || tensor.dtype() == DType::kString) {
    return Diag(diag::kOpType, Concat(Name(tensor.dtype()), " cannot be converted to ", Name(dtype)));
  }
  TRY(Tensor out, Tensor::Make(dtype, tensor.dims()));
  if (IsComplex(tensor.dtype())) {
    ConvertThrough<Complex>(tensor, &out, options);
  } else if (IsFloat(tensor.dtype())) {
    ConvertThrough<double>(tensor, &out, options);
  } else if (tensor.dtype() == DType::kU64) {
    ConvertThrough<uint64_t>(tensor, &out, options);
  } else {
    ConvertThrough<int64_t>(tensor, &out, options);
  }
  return out;
}

}  // namespace godwit
