// Element types. In memory every element takes whole bytes: 4- and 2-bit types are unpacked to one byte each
// (sign-extended where signed), so data movement never needs to know them; files hold them packed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace godwit {

enum class DType : uint8_t {
  kNone,
  kF64,
  kF32,
  kF16,
  kBF16,
  kF8E4M3FN,
  kF8E4M3FNUZ,
  kF8E5M2,
  kF8E5M2FNUZ,
  kF8E8M0,
  kF4E2M1,
  kI64,
  kI32,
  kI16,
  kI8,
  kI4,
  kI2,
  kU64,
  kU32,
  kU16,
  kU8,
  kU4,
  kU2,
  kBool,
  kC64,
  kC128,
  kString,
};
inline constexpr int kDTypeCount = static_cast<int>(DType::kString) + 1;

enum class DKind : uint8_t { kNone, kFloat, kSigned, kUnsigned, kBool, kComplex, kString };

struct DTypeInfo {
  std::string_view name;  ///< "f32", "f8e4m3fn", "i4"
  uint8_t bits;           ///< bits an element takes in a file
  uint8_t bytes;          ///< bytes an element takes in memory
  DKind kind;
};

const DTypeInfo& Info(DType dtype);
inline std::string_view Name(DType dtype) { return Info(dtype).name; }
inline size_t ByteSize(DType dtype) { return Info(dtype).bytes; }
inline bool IsFloat(DType d) { return Info(d).kind == DKind::kFloat; }
inline bool IsSigned(DType d) { return Info(d).kind == DKind::kSigned; }
inline bool IsUnsigned(DType d) { return Info(d).kind == DKind::kUnsigned; }
inline bool IsInteger(DType d) { return IsSigned(d) || IsUnsigned(d); }
inline bool IsComplex(DType d) { return Info(d).kind == DKind::kComplex; }
/// kNone when no type has that name.
DType DTypeFromName(std::string_view name);
/// The smallest and largest value of an integer type, as int64 (kU64's largest is capped at INT64_MAX).
int64_t IntMin(DType dtype);
int64_t IntMax(DType dtype);

/// A set of element types, for operand tables.
class TypeSet {
 public:
  constexpr TypeSet() = default;
  constexpr TypeSet(DType d) : bits_(1U << static_cast<int>(d)) {}  // NOLINT(google-explicit-constructor)
  constexpr explicit TypeSet(uint32_t bits) : bits_(bits) {}
  [[nodiscard]] constexpr bool Has(DType d) const { return ((bits_ >> static_cast<int>(d)) & 1U) != 0; }
  friend constexpr TypeSet operator|(TypeSet a, TypeSet b) { return TypeSet(a.bits_ | b.bits_); }
  [[nodiscard]] constexpr uint32_t bits() const { return bits_; }

 private:
  uint32_t bits_ = 0;
};

inline constexpr TypeSet kFloat8 =
    TypeSet(DType::kF8E4M3FN) | DType::kF8E4M3FNUZ | DType::kF8E5M2 | DType::kF8E5M2FNUZ | DType::kF8E8M0;
inline constexpr TypeSet kFloats = TypeSet(DType::kF64) | DType::kF32 | DType::kF16 | DType::kBF16;
inline constexpr TypeSet kSmallFloats = kFloat8 | DType::kF4E2M1;
inline constexpr TypeSet kSignedInts = TypeSet(DType::kI64) | DType::kI32 | DType::kI16 | DType::kI8;
inline constexpr TypeSet kUnsignedInts = TypeSet(DType::kU64) | DType::kU32 | DType::kU16 | DType::kU8;
inline constexpr TypeSet kSmallInts = TypeSet(DType::kI4) | DType::kI2 | DType::kU4 | DType::kU2;
inline constexpr TypeSet kInts = kSignedInts | kUnsignedInts;
inline constexpr TypeSet kNumbers = kFloats | kInts;
inline constexpr TypeSet kIndex = TypeSet(DType::kI64) | DType::kI32;
inline constexpr TypeSet kBools = DType::kBool;
inline constexpr TypeSet kStrings = DType::kString;
inline constexpr TypeSet kComplexes = TypeSet(DType::kC64) | DType::kC128;
inline constexpr TypeSet kAnyType = kNumbers | kSmallFloats | kSmallInts | kBools | kStrings | kComplexes;

}  // namespace godwit
