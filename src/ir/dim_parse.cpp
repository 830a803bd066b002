// The text of dims: sums and products with +, -, *, ^, // (floor division), % and the functions floor(a/b), ceil(a/b),
// mod(a, b), max(a, b, ...), min(a, b, ...). Parsing computes, so the result is canonical whatever the spelling.
#include "base/text.h"
#include "ir/scan_types.h"

namespace godwit {

namespace {

constexpr int kMaxNesting = 64;
constexpr int64_t kMaxPower = 64;
// Each operation costs up to the square of the terms a dim may have.
constexpr int kMaxOperations = 6000;

class DimParser {
 public:
  explicit DimParser(Scanner* scanner) : s_(*scanner) {}

  Result<Dim> Sum(int depth) {
    TRY(Dim sum, Product(depth));
    while (true) {
      const bool plus = s_.Accept("+");
      if (!plus && !s_.Accept("-")) return sum;
      TRY(const Dim term, Product(depth));
      RETURN_IF_ERROR(Spend());
      sum = plus ? sum + term : sum - term;
    }
  }

 private:
  Status Spend() {
    if (++operations_ > kMaxOperations) return s_.Error("dim has too many operations");
    return Ok{};
  }

  Result<Dim> Product(int depth) {
    TRY(Dim product, Power(depth));
    while (true) {
      if (s_.Accept("*")) {
        TRY(const Dim factor, Power(depth));
        product = product * factor;
      } else if (s_.Accept("//")) {
        TRY(const Dim divisor, Power(depth));
        product = Dim::FloorDiv(product, divisor);
      } else if (s_.Accept("%")) {
        TRY(const Dim divisor, Power(depth));
        product = Dim::Mod(product, divisor);
      } else {
        return product;
      }
      RETURN_IF_ERROR(Spend());
    }
  }

  Result<Dim> Power(int depth) {
    TRY(const Dim base, Unary(depth));
    if (!s_.Accept("^")) return base;
    TRY(const int64_t power, s_.Int());
    if (power < 0 || power > kMaxPower) return s_.Error("power out of range");
    Dim out = 1;
    for (int64_t i = 0; i < power; ++i) {
      RETURN_IF_ERROR(Spend());
      out = out * base;
    }
    return out;
  }

  Result<Dim> Unary(int depth) {
    if (depth > kMaxNesting) return s_.Error("dim is nested too deeply");
    const char c = s_.Peek();
    if (c >= '0' && c <= '9') {
      TRY(const int64_t value, s_.Int());
      return Dim(value);
    }
    if (s_.Accept("-")) {
      // -9223372036854775808 has no positive counterpart.
      if (const char digit = s_.Peek(); digit >= '0' && digit <= '9') return NegativeInt();
      TRY(const Dim value, Power(depth + 1));
      return value * Dim(-1);
    }
    if (s_.Accept("(")) {
      TRY(const Dim value, Sum(depth + 1));
      RETURN_IF_ERROR(s_.Expect(")"));
      return value;
    }
    const size_t at = s_.position();
    const bool quoted = s_.AtQuote();
    TRY(const std::string name, s_.Name());
    if (quoted || !s_.Accept("(")) return Dim::Symbol(name);
    return Call(name, at, depth + 1);
  }

  Result<Dim> NegativeInt() {
    const size_t at = s_.position();
    int64_t value = 0;
    if (!ParseInt("-" + std::string(s_.Word()), &value)) return s_.ErrorAt(at, "64-bit integer expected");
    return Dim(value);
  }

  Result<Dim> Call(std::string_view name, size_t at, int depth) {
    if (name == "floor" || name == "ceil") {
      TRY(const Dim numerator, Product(depth));
      RETURN_IF_ERROR(s_.Expect("/"));
      TRY(const Dim denominator, Power(depth));
      RETURN_IF_ERROR(s_.Expect(")"));
      RETURN_IF_ERROR(Spend());
      return name == "floor" ? Dim::FloorDiv(numerator, denominator) : Dim::CeilDiv(numerator, denominator);
    }
    if (name != "max" && name != "min" && name != "mod") return s_.ErrorAt(at, "floor, ceil, mod, max or min expected");
    TRY(Dim out, Sum(depth));
    while (s_.Accept(",")) {
      TRY(const Dim other, Sum(depth));
      RETURN_IF_ERROR(Spend());
      out = name == "max" ? Dim::Max(out, other) : name == "min" ? Dim::Min(out, other) : Dim::Mod(out, other);
    }
    RETURN_IF_ERROR(s_.Expect(")"));
    return out;
  }

  Scanner& s_;
  int operations_ = 0;
};

}  // namespace

Result<Dim> ScanDim(Scanner& scanner) { return DimParser(&scanner).Sum(0); }

Result<Dim> Dim::Parse(std::string_view text) {
  Scanner scanner(text);
  TRY(Dim dim, ScanDim(scanner));
  if (!scanner.AtEnd()) return scanner.Error("end of the dim expected");
  return dim;
}

}  // namespace godwit
