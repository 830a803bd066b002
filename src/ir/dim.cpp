#include "ir/dim.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include "base/text.h"
#include "ir/dim_expr.h"
#include "ir/scan.h"

namespace godwit {

namespace {

// Bounds on what hostile or merely huge models can make of one dim.
constexpr size_t kMaxTerms = 64;
constexpr size_t kMaxProduct = 256;
constexpr size_t kMaxChoices = 8;
constexpr size_t kMaxText = 2048;
constexpr int kMaxDepth = 32;
constexpr int kMaxPower = 16;
// What opaque symbols begin with: unlike sizes they may be negative.
constexpr std::string_view kOpaqueMark = "=";
constexpr int64_t kIntMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kIntMin = std::numeric_limits<int64_t>::min();

using Terms = DimBuilder::Terms;
using Factors = std::vector<std::pair<DimAtomPtr, int>>;

int64_t FloorDivInt(int64_t a, int64_t b) { return a / b - ((a % b != 0 && (a < 0) != (b < 0)) ? 1 : 0); }

uint64_t Hash(std::string_view text) {
  uint64_t h = 0xCBF29CE484222325U;
  for (char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return h;
}

std::string Describe(std::string_view op, const Dim& a, const Dim& b) {
  return Concat("(", a.ToString(), ")", op, "(", b.ToString(), ")");
}

// factors / divisor when every power suffices.
std::optional<Factors> DivideFactors(const Factors& factors, const Factors& divisor) {
  Factors out;
  size_t matched = 0;
  for (const auto& [atom, power] : factors) {
    int left = power;
    for (const auto& [other, taken] : divisor) {
      if (other->text != atom->text) continue;
      if (taken > power) return std::nullopt;
      left -= taken;
      ++matched;
    }
    if (left > 0) out.emplace_back(atom, left);
  }
  return matched == divisor.size() ? std::optional(std::move(out)) : std::nullopt;
}

// The largest product of atoms that divides every term.
Factors CommonFactors(const Terms& a, const Terms& b) {
  Factors common = a.front().factors;
  for (const Terms* terms : {&a, &b}) {
    for (const DimTerm& t : *terms) {
      Factors kept;
      for (const auto& [atom, power] : common) {
        for (const auto& [other, has] : t.factors) {
          if (other->text == atom->text) kept.emplace_back(atom, std::min(power, has));
        }
      }
      common = std::move(kept);
    }
  }
  return common;
}

// Never negative, given that symbols are sizes.
bool NonNegative(const Dim& dim);

bool NonNegative(const DimAtom& atom) {
  switch (atom.kind) {
    case DimAtom::Kind::kSymbol: return atom.name.substr(0, kOpaqueMark.size()) != kOpaqueMark;
    case DimAtom::Kind::kFloor:
    case DimAtom::Kind::kMin:
      return std::all_of(atom.args.begin(), atom.args.end(), [](const Dim& d) { return NonNegative(d); });
    case DimAtom::Kind::kMax:
      return std::any_of(atom.args.begin(), atom.args.end(), [](const Dim& d) { return NonNegative(d); });
  }
  return false;
}

bool NonNegative(const Dim& dim) {
  if (dim.is_static()) return dim.value() >= 0;
  for (const DimTerm& t : DimBuilder::ExprOf(dim)->terms) {
    if (t.coeff < 0) return false;
    for (const auto& factor : t.factors) {
      if (!NonNegative(*factor.first)) return false;
    }
  }
  return true;
}

// a = quotient * divisor + remainder, moving every multiple of the one-term divisor into the quotient.
bool SplitByTerm(const Terms& a, const DimTerm& divisor, Terms* quotient, Terms* remainder) {
  for (const DimTerm& t : a) {
    std::optional<Factors> rest = DivideFactors(t.factors, divisor.factors);
    const int64_t whole = rest ? FloorDivInt(t.coeff, divisor.coeff) : 0;
    if (whole != 0) {
      DimTerm q;
      q.coeff = whole;
      q.factors = *std::move(rest);
      quotient->push_back(std::move(q));
    }
    DimTerm r = t;
    if (rest) {
      r.coeff = t.coeff % divisor.coeff;
      if (r.coeff < 0) r.coeff += divisor.coeff;
    }
    if (r.coeff != 0) remainder->push_back(std::move(r));
  }
  return !quotient->empty();
}

// a / b when b divides a as a polynomial.
std::optional<Dim> ExactQuotient(const Dim& a, const Dim& b) {
  const Terms divisor = DimBuilder::TermsOf(b);
  // Lexicographic order on powers makes long division end; the leading term is the largest.
  auto leading = [](const Terms& terms) {
    auto less = [](const DimTerm& x, const DimTerm& y) {
      for (size_t i = 0;; ++i) {
        if (i >= x.factors.size()) return i < y.factors.size();
        if (i >= y.factors.size()) return false;
        const auto& [xa, xp] = x.factors[i];
        const auto& [ya, yp] = y.factors[i];
        if (xa->text != ya->text) return xa->text > ya->text;
        if (xp != yp) return xp < yp;
      }
    };
    return *std::max_element(terms.begin(), terms.end(), less);
  };
  const DimTerm lead = leading(divisor);
  Dim quotient;
  Dim rest = a;
  for (size_t step = 0; step < kMaxTerms; ++step) {
    if (rest.is_static() && rest.value() == 0) return quotient;
    const DimTerm top = leading(DimBuilder::TermsOf(rest));
    std::optional<Factors> factors = DivideFactors(top.factors, lead.factors);
    if (!factors || top.coeff == kIntMin || top.coeff % lead.coeff != 0) return std::nullopt;
    DimTerm t;
    t.coeff = top.coeff / lead.coeff;
    t.factors = *std::move(factors);
    const Dim part = DimBuilder::Make({t});
    quotient = quotient + part;
    rest = rest - part * b;
  }
  return std::nullopt;
}

Dim FloorAtom(Dim numerator, Dim denominator) {
  DimAtom atom{DimAtom::Kind::kFloor, {}, {}, {}};
  auto wrap = [](const Dim& d) {
    const bool plain = d.is_static() ? d.value() >= 0 : DimBuilder::SoleAtom(d) != nullptr;
    return plain ? d.ToString() : Concat("(", d.ToString(), ")");
  };
  atom.text = Concat("floor(", wrap(numerator), "/", wrap(denominator), ")");
  atom.args = {std::move(numerator), std::move(denominator)};
  return DimBuilder::OfAtom(std::move(atom));
}

// floor(dim / divisor) for divisor > 1.
Dim FloorDivByInt(const Dim& dim, int64_t divisor) {
  const Terms terms = DimBuilder::TermsOf(dim);
  DimTerm one;
  one.coeff = divisor;
  Terms quotient;
  Terms remainder;
  SplitByTerm(terms, one, &quotient, &remainder);
  const Dim whole = DimBuilder::Make(std::move(quotient));
  if (remainder.empty()) return whole;
  // floor((g*X + c)/(g*d)) = floor((X + floor(c/g))/d)
  int64_t common = divisor;
  for (const DimTerm& t : remainder) {
    if (!t.factors.empty()) common = std::gcd(common, t.coeff);
  }
  for (DimTerm& t : remainder) t.coeff = FloorDivInt(t.coeff, common);
  const Dim part = DimBuilder::Make(std::move(remainder));
  divisor /= common;
  if (part.is_static()) return whole + Dim(FloorDivInt(part.value(), divisor));
  if (divisor == 1) return whole + part;
  // floor((floor(X/a) + Y)/d) = floor((X + a*Y)/(a*d))
  for (const DimTerm& t : DimBuilder::ExprOf(part)->terms) {
    if (t.coeff != 1 || t.factors.size() != 1 || t.factors[0].second != 1) continue;
    const DimAtom& atom = *t.factors[0].first;
    int64_t product = 0;
    if (atom.kind != DimAtom::Kind::kFloor || !atom.args[1].is_static() || atom.args[1].value() <= 0 ||
        __builtin_mul_overflow(atom.args[1].value(), divisor, &product)) {
      continue;
    }
    const Dim rest = part - DimBuilder::Make({t});
    return whole + Dim::FloorDiv(atom.args[0] + rest * atom.args[1], product);
  }
  return whole + FloorAtom(part, divisor);
}

Dim FloorDivBySymbolic(const Dim& a, const Dim& b) {
  if (std::optional<Dim> exact = ExactQuotient(a, b)) return *exact;
  Terms upper = DimBuilder::TermsOf(a);
  Terms lower = DimBuilder::TermsOf(b);
  // Equal factors cancel: floor(2*N*H/(2*N*W)) = floor(H/W).
  const Factors common = CommonFactors(upper, lower);
  int64_t divisor = 0;
  for (const Terms* terms : {&upper, &lower}) {
    for (const DimTerm& t : *terms) divisor = t.coeff == kIntMin ? 1 : std::gcd(divisor, t.coeff);
  }
  for (Terms* terms : {&upper, &lower}) {
    for (DimTerm& t : *terms) {
      t.factors = *DivideFactors(t.factors, common);
      t.key.clear();
      t.coeff /= divisor;
    }
  }
  Dim numerator = DimBuilder::Make(std::move(upper));
  Dim denominator = DimBuilder::Make(std::move(lower));
  if (denominator.is_static()) return Dim::FloorDiv(numerator, denominator);
  const Terms top = DimBuilder::TermsOf(numerator);
  const Terms bottom = DimBuilder::TermsOf(denominator);
  if (bottom.size() == 1 && bottom[0].coeff > 0) {
    Terms quotient;
    Terms remainder;
    if (SplitByTerm(top, bottom[0], &quotient, &remainder)) {
      return DimBuilder::Make(std::move(quotient)) + Dim::FloorDiv(DimBuilder::Make(std::move(remainder)), denominator);
    }
  }
  return FloorAtom(std::move(numerator), std::move(denominator));
}

}  // namespace

Terms DimBuilder::TermsOf(const Dim& dim) {
  if (dim.expr_ != nullptr) return dim.expr_->terms;
  if (dim.value_ == 0) return {};
  DimTerm constant;
  constant.coeff = dim.value_;
  return {constant};
}

std::string DimBuilder::KeyOf(const Factors& factors) {
  std::string key;
  for (const auto& [atom, power] : factors) {
    if (!key.empty()) key += '*';
    key += atom->text;
    if (power > 1) key += "^" + std::to_string(power);
  }
  return key;
}

Dim DimBuilder::Opaque(const std::string& what) {
  const bool is_short = what.size() <= 128;
  return Dim::Symbol(is_short ? Concat(kOpaqueMark, what) : Concat(kOpaqueMark, "#", std::to_string(Hash(what))));
}

std::optional<Dim> DimBuilder::TryMake(Terms terms) {
  for (DimTerm& t : terms) {
    if (t.key.empty()) t.key = KeyOf(t.factors);
  }
  std::stable_sort(terms.begin(), terms.end(), [](const DimTerm& a, const DimTerm& b) {
    if (a.factors.empty() != b.factors.empty()) return b.factors.empty();
    return a.key < b.key;
  });
  auto expr = std::make_shared<Dim::Expr>();
  for (DimTerm& t : terms) {
    if (!expr->terms.empty() && expr->terms.back().key == t.key) {
      int64_t& sum = expr->terms.back().coeff;
      if (__builtin_add_overflow(sum, t.coeff, &sum)) return std::nullopt;
    } else {
      expr->terms.push_back(std::move(t));
    }
    if (expr->terms.back().coeff == 0) expr->terms.pop_back();
  }
  if (expr->terms.empty()) return Dim(0);
  if (expr->terms.size() == 1 && expr->terms[0].factors.empty()) return Dim(expr->terms[0].coeff);
  for (const DimTerm& t : expr->terms) {
    if (t.coeff == kIntMin) return std::nullopt;  // has no negation
    const bool first = expr->text.empty();
    const bool negative = t.coeff < 0;
    if (!first) expr->text += negative ? " - " : " + ";
    if (first && negative) expr->text += '-';
    const int64_t magnitude = negative ? -t.coeff : t.coeff;
    if (t.factors.empty() || magnitude != 1) expr->text += std::to_string(magnitude);
    if (!t.factors.empty() && magnitude != 1) expr->text += '*';
    expr->text += t.key;
    for (const auto& [atom, power] : t.factors) {
      expr->depth = std::max(expr->depth, atom->depth);
      if (power > kMaxPower) return std::nullopt;
    }
  }
  const bool sole_symbol = expr->terms.size() == 1 && expr->terms[0].factors.size() == 1 &&
                           expr->terms[0].factors[0].first->kind == DimAtom::Kind::kSymbol;
  if (!sole_symbol && (expr->terms.size() > kMaxTerms || expr->text.size() > kMaxText || expr->depth > kMaxDepth)) {
    return Opaque(expr->text);
  }
  return Dim(std::shared_ptr<const Dim::Expr>(std::move(expr)));
}

Dim DimBuilder::Make(Terms terms) {
  std::optional<Dim> dim = TryMake(std::move(terms));
  CHECK(dim.has_value());
  return *std::move(dim);
}

Dim DimBuilder::OfAtom(DimAtom atom) {
  for (const Dim& d : atom.args) {
    if (d.expr_ != nullptr) atom.depth = std::max(atom.depth, d.expr_->depth + 1);
  }
  DimTerm term;
  term.coeff = 1;
  term.key = atom.text;
  term.factors.emplace_back(std::make_shared<const DimAtom>(std::move(atom)), 1);
  return Make({std::move(term)});
}

DimAtomPtr DimBuilder::SoleAtom(const Dim& dim) {
  if (dim.expr_ == nullptr || dim.expr_->terms.size() != 1) return nullptr;
  const DimTerm& t = dim.expr_->terms[0];
  return t.coeff == 1 && t.factors.size() == 1 && t.factors[0].second == 1 ? t.factors[0].first : nullptr;
}

Dim DimBuilder::Pick(DimAtom::Kind kind, const Dim& a, const Dim& b) {
  const bool max = kind == DimAtom::Kind::kMax;
  const int64_t neutral = max ? kIntMin : kIntMax;
  if (a.is_static() && b.is_static()) return max ? std::max(a.value(), b.value()) : std::min(a.value(), b.value());
  if (a.known() == neutral) return b;
  if (b.known() == neutral) return a;
  std::vector<Dim> args;
  for (const Dim* d : {&a, &b}) {
    const DimAtomPtr atom = SoleAtom(*d);
    if (atom != nullptr && atom->kind == kind) {
      args.insert(args.end(), atom->args.begin(), atom->args.end());
    } else {
      args.push_back(*d);
    }
  }
  // Drop what another operand always beats.
  std::vector<Dim> kept;
  for (const Dim& candidate : args) {
    auto beats = [&](const Dim& winner, const Dim& loser) {
      return max ? NonNegative(winner - loser) : NonNegative(loser - winner);
    };
    if (std::any_of(kept.begin(), kept.end(), [&](const Dim& k) { return beats(k, candidate); })) continue;
    kept.erase(std::remove_if(kept.begin(), kept.end(), [&](const Dim& k) { return beats(candidate, k); }), kept.end());
    kept.push_back(candidate);
  }
  if (kept.size() == 1) return kept[0];
  std::sort(kept.begin(), kept.end(), [](const Dim& x, const Dim& y) { return x.ToString() < y.ToString(); });
  DimAtom atom{kind, {}, {}, max ? "max(" : "min("};
  for (size_t i = 0; i < kept.size(); ++i) atom.text += (i == 0 ? "" : ", ") + kept[i].ToString();
  atom.text += ')';
  if (kept.size() > kMaxChoices) return Opaque(atom.text);
  atom.args = std::move(kept);
  return OfAtom(std::move(atom));
}

Dim DimBuilder::Rebuild(const Dim& dim, const std::function<std::optional<Dim>(const std::string&)>& lookup) {
  if (dim.is_static()) return dim;
  Dim sum;
  for (const DimTerm& t : dim.expr_->terms) {
    Dim product = t.coeff;
    for (const auto& [atom, power] : t.factors) {
      Dim value;
      switch (atom->kind) {
        case DimAtom::Kind::kSymbol: value = lookup(atom->name).value_or(Dim::Symbol(atom->name)); break;
        case DimAtom::Kind::kFloor:
          value = Dim::FloorDiv(Rebuild(atom->args[0], lookup), Rebuild(atom->args[1], lookup));
          break;
        default:
          value = Rebuild(atom->args[0], lookup);
          for (size_t i = 1; i < atom->args.size(); ++i)
            value = Pick(atom->kind, value, Rebuild(atom->args[i], lookup));
      }
      for (int i = 0; i < power; ++i) product = product * value;
    }
    sum = sum + product;
  }
  return sum;
}

Dim Dim::Symbol(std::string_view name) {
  DimAtom atom{DimAtom::Kind::kSymbol, std::string(name), {}, NameText(name)};
  return DimBuilder::OfAtom(std::move(atom));
}

std::optional<std::string> Dim::symbol() const {
  const DimAtomPtr atom = DimBuilder::SoleAtom(*this);
  if (atom == nullptr || atom->kind != DimAtom::Kind::kSymbol) return std::nullopt;
  return atom->name;
}

Dim operator+(const Dim& a, const Dim& b) {
  int64_t sum = 0;
  if (a.is_static() && b.is_static() && !__builtin_add_overflow(a.value_, b.value_, &sum)) return sum;
  if (a.known() == 0) return b;
  if (b.known() == 0) return a;
  Terms terms = DimBuilder::TermsOf(a);
  const Terms more = DimBuilder::TermsOf(b);
  terms.insert(terms.end(), more.begin(), more.end());
  if (std::optional<Dim> sum_of_terms = DimBuilder::TryMake(std::move(terms))) return *std::move(sum_of_terms);
  return DimBuilder::Opaque(Describe("+", a, b));
}

Dim operator-(const Dim& a, const Dim& b) {
  int64_t difference = 0;
  if (a.is_static() && b.is_static() && !__builtin_sub_overflow(a.value_, b.value_, &difference)) return difference;
  return a + b * Dim(-1);
}

Dim operator*(const Dim& a, const Dim& b) {
  int64_t product = 0;
  if (a.is_static() && b.is_static() && !__builtin_mul_overflow(a.value_, b.value_, &product)) return product;
  if (a.known() == 1) return b;
  if (b.known() == 1) return a;
  const Terms left = DimBuilder::TermsOf(a);
  const Terms right = DimBuilder::TermsOf(b);
  if (left.size() * right.size() > kMaxProduct) return DimBuilder::Opaque(Describe("*", a, b));
  Terms terms;
  for (const DimTerm& x : left) {
    for (const DimTerm& y : right) {
      DimTerm t;
      if (__builtin_mul_overflow(x.coeff, y.coeff, &t.coeff)) return DimBuilder::Opaque(Describe("*", a, b));
      std::map<std::string_view, std::pair<DimAtomPtr, int>> powers;
      for (const Factors* factors : {&x.factors, &y.factors}) {
        for (const auto& [atom, power] : *factors) {
          auto& entry = powers.try_emplace(atom->text, atom, 0).first->second;
          entry.second += power;
        }
      }
      for (auto& entry : powers) t.factors.push_back(std::move(entry.second));
      terms.push_back(std::move(t));
    }
  }
  if (std::optional<Dim> made = DimBuilder::TryMake(std::move(terms))) return *std::move(made);
  return DimBuilder::Opaque(Describe("*", a, b));
}

bool operator==(const Dim& a, const Dim& b) {
  if (a.expr_ == nullptr || b.expr_ == nullptr) return a.expr_ == b.expr_ && a.value_ == b.value_;
  return a.expr_ == b.expr_ || a.expr_->text == b.expr_->text;
}

Dim Dim::FloorDiv(const Dim& a, const Dim& b) {
  if (a.known() == 0 || b.known() == 0) return 0;
  if (b.known() == 1) return a;
  if (!b.is_static()) return FloorDivBySymbolic(a, b);
  if (b.value_ == kIntMin) return DimBuilder::Opaque(Describe("//", a, b));
  if (b.value_ < 0) return FloorDiv(a * Dim(-1), -b.value_);
  return a.is_static() ? Dim(FloorDivInt(a.value_, b.value_)) : FloorDivByInt(a, b.value_);
}

Dim Dim::CeilDiv(const Dim& a, const Dim& b) {
  if (b.is_static() && b.value_ <= 0) return FloorDiv(a * Dim(-1), b) * Dim(-1);
  return FloorDiv(a + b - 1, b);
}

Dim Dim::Mod(const Dim& a, const Dim& b) {
  if (!a.is_static() || !b.is_static()) return a - b * FloorDiv(a, b);
  if (b.value_ == 0 || b.value_ == -1) return b.value_ == 0 ? a.value_ : 0;
  const int64_t rest = a.value_ % b.value_;
  return rest != 0 && (rest < 0) != (b.value_ < 0) ? rest + b.value_ : rest;
}

Dim Dim::Max(const Dim& a, const Dim& b) { return DimBuilder::Pick(DimAtom::Kind::kMax, a, b); }
Dim Dim::Min(const Dim& a, const Dim& b) { return DimBuilder::Pick(DimAtom::Kind::kMin, a, b); }

Dim Dim::Substitute(const std::function<std::optional<Dim>(const std::string&)>& lookup) const {
  return DimBuilder::Rebuild(*this, lookup);
}

void Dim::CollectSymbols(std::vector<std::string>* names) const {
  if (expr_ == nullptr) return;
  for (const DimTerm& t : expr_->terms) {
    for (const auto& factor : t.factors) {
      const DimAtom& atom = *factor.first;
      for (const Dim& arg : atom.args) arg.CollectSymbols(names);
      if (atom.kind != DimAtom::Kind::kSymbol) continue;
      if (std::find(names->begin(), names->end(), atom.name) == names->end()) names->push_back(atom.name);
    }
  }
}

std::string Dim::ToString() const { return expr_ == nullptr ? std::to_string(value_) : expr_->text; }

Dim ElementCount(const Shape& shape) {
  Dim count = 1;
  for (const Dim& d : shape) count = count * d;
  return count;
}

std::string ToString(const Shape& shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i != 0) out += ',';
    out += shape[i].ToString();
  }
  return out += ']';
}

bool IsStatic(const Shape& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const Dim& d) { return d.is_static(); });
}

}  // namespace godwit
