#include "ir/dtype.h"

#include <array>
#include <limits>

namespace godwit {

namespace {
constexpr std::array<DTypeInfo, kDTypeCount> kInfo = {{
    {"none", 0, 0, DKind::kNone},
    {"f64", 64, 8, DKind::kFloat},
    {"f32", 32, 4, DKind::kFloat},
    {"f16", 16, 2, DKind::kFloat},
    {"bf16", 16, 2, DKind::kFloat},
    {"f8e4m3fn", 8, 1, DKind::kFloat},
    {"f8e4m3fnuz", 8, 1, DKind::kFloat},
    {"f8e5m2", 8, 1, DKind::kFloat},
    {"f8e5m2fnuz", 8, 1, DKind::kFloat},
    {"f8e8m0", 8, 1, DKind::kFloat},
    {"f4e2m1", 4, 1, DKind::kFloat},
    {"i64", 64, 8, DKind::kSigned},
    {"i32", 32, 4, DKind::kSigned},
    {"i16", 16, 2, DKind::kSigned},
    {"i8", 8, 1, DKind::kSigned},
    {"i4", 4, 1, DKind::kSigned},
    {"i2", 2, 1, DKind::kSigned},
    {"u64", 64, 8, DKind::kUnsigned},
    {"u32", 32, 4, DKind::kUnsigned},
    {"u16", 16, 2, DKind::kUnsigned},
    {"u8", 8, 1, DKind::kUnsigned},
    {"u4", 4, 1, DKind::kUnsigned},
    {"u2", 2, 1, DKind::kUnsigned},
    {"bool", 8, 1, DKind::kBool},
    {"c64", 64, 8, DKind::kComplex},
    {"c128", 128, 16, DKind::kComplex},
    {"string", 0, sizeof(void*), DKind::kString},
}};
}  // namespace

const DTypeInfo& Info(DType dtype) { return kInfo[static_cast<size_t>(dtype)]; }

DType DTypeFromName(std::string_view name) {
  for (int i = 1; i < kDTypeCount; ++i) {
    if (kInfo[static_cast<size_t>(i)].name == name) return static_cast<DType>(i);
  }
  return DType::kNone;
}

int64_t IntMin(DType dtype) {
  const DTypeInfo& info = Info(dtype);
  if (info.kind != DKind::kSigned) return 0;
  return info.bits == 64 ? std::numeric_limits<int64_t>::min() : -(int64_t{1} << (info.bits - 1));
}

int64_t IntMax(DType dtype) {
  const DTypeInfo& info = Info(dtype);
  if (info.bits == 64) return std::numeric_limits<int64_t>::max();
  if (info.kind == DKind::kSigned) return (int64_t{1} << (info.bits - 1)) - 1;
  return (int64_t{1} << info.bits) - 1;
}

}  // namespace godwit
