// A dimension: a number, or an expression over named symbols ("N", "2*N + 1", "floor(H/2)") kept in one canonical
// form, so that two expressions that are equal as polynomials over their floor/mod/min/max parts compare equal.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace godwit {

class Dim {
 public:
  Dim() = default;
  Dim(int64_t value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  /// Symbols stand for sizes: they are taken to be zero or more, and positive where something is divided by them.
  static Dim Symbol(std::string_view name);

  [[nodiscard]] bool is_static() const { return expr_ == nullptr; }
  /// Only for static dims.
  [[nodiscard]] int64_t value() const { return value_; }
  [[nodiscard]] std::optional<int64_t> known() const { return expr_ ? std::nullopt : std::optional(value_); }
  /// The name if the dim is a bare symbol.
  [[nodiscard]] std::optional<std::string> symbol() const;

  friend Dim operator+(const Dim& a, const Dim& b);
  friend Dim operator-(const Dim& a, const Dim& b);
  friend Dim operator*(const Dim& a, const Dim& b);
  friend bool operator==(const Dim& a, const Dim& b);
  /// Rounds toward minus infinity; a static zero divisor gives 0, never a trap.
  static Dim FloorDiv(const Dim& a, const Dim& b);
  static Dim CeilDiv(const Dim& a, const Dim& b);
  /// a - b * FloorDiv(a, b).
  static Dim Mod(const Dim& a, const Dim& b);
  static Dim Max(const Dim& a, const Dim& b);
  static Dim Min(const Dim& a, const Dim& b);

  /// Puts numbers (or other dims) in the place of symbols; a symbol for which `lookup` has none stays.
  [[nodiscard]] Dim Substitute(const std::function<std::optional<Dim>(const std::string&)>& lookup) const;
  void CollectSymbols(std::vector<std::string>* names) const;

  [[nodiscard]] std::string ToString() const;
  static Result<Dim> Parse(std::string_view text);

  struct Expr;

 private:
  explicit Dim(std::shared_ptr<const Expr> expr) : expr_(std::move(expr)) {}
  friend struct Expr;
  friend struct DimBuilder;
  int64_t value_ = 0;
  std::shared_ptr<const Expr> expr_;
};

using Shape = std::vector<Dim>;

/// Product of all dims (1 for rank 0).
Dim ElementCount(const Shape& shape);
/// "[1,3,H,W]".
std::string ToString(const Shape& shape);
bool IsStatic(const Shape& shape);

}  // namespace godwit
