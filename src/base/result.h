// Result<T>: a value or the diagnostic that says why there is none. No exceptions cross a room's edge.
#pragma once

#include <cstdlib>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/diag.h"

namespace godwit {

struct Ok {};

template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Diag diag)                                                      // NOLINT(google-explicit-constructor)
      : state_(std::in_place_index<1>, std::make_unique<Diag>(std::move(diag))) {}
  Result(std::unique_ptr<Diag> diag)  // NOLINT(google-explicit-constructor)
      : state_(std::in_place_index<1>, std::move(diag)) {}

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

  [[nodiscard]] const Diag& diag() const { return **std::get_if<1>(&state_); }
  [[nodiscard]] Diag& diag() { return **std::get_if<1>(&state_); }
  [[nodiscard]] std::unique_ptr<Diag> TakeDiag() { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, std::unique_ptr<Diag>> state_;
};

using Status = Result<Ok>;

namespace internal {
[[noreturn]] void CheckFailed(const char* condition, const char* file, int line);
}  // namespace internal

}  // namespace godwit

#define GODWIT_CONCAT_INNER(a, b) a##b
#define GODWIT_CONCAT(a, b) GODWIT_CONCAT_INNER(a, b)

/// `TRY(auto x, Expr());` declares x from a Result, or returns its diagnostic from the enclosing function.
#define TRY(decl, expr) GODWIT_TRY_IMPL(GODWIT_CONCAT(try_result_, __COUNTER__), decl, expr)
#define GODWIT_TRY_IMPL(tmp, decl, expr) \
  auto tmp = (expr);                     \
  if (!tmp.ok()) return tmp.TakeDiag();  \
  decl = *std::move(tmp)

#define RETURN_IF_ERROR(expr)                                 \
  do {                                                        \
    auto status_result = (expr);                              \
    if (!status_result.ok()) return status_result.TakeDiag(); \
  } while (false)

/// For defects of ours only, never for what a file can cause.
#define CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::godwit::internal::CheckFailed(#condition, __FILE__, __LINE__))
