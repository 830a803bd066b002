#include "targets/tflite.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/diag_targets.h"
#include "base/text.h"
#include "targets/tflite_rows.h"

namespace godwit::targets {

namespace {

const Formal* FormalOf(const std::vector<Formal>& formals, size_t i) {
  if (i < formals.size()) return &formals[i];
  return !formals.empty() && formals.back().many ? &formals.back() : nullptr;
}

struct TypeProblem {
  std::string what;  // empty: all fit
  std::optional<size_t> operand;
  TypeSet takes;
};

TypeProblem CheckTypes(const ParsedRow& row, const TfliteUse& use) {
  std::array<DType, 26> bound;
  bound.fill(DType::kNone);
  const auto side = [&](const std::vector<Formal>& formals, const std::vector<TfliteTensor>& tensors,
                        bool operands) -> TypeProblem {
    const std::string_view kind = operands ? "operand" : "result";
    for (size_t i = 0; i < std::max(tensors.size(), formals.size()); ++i) {
      const Formal* formal = FormalOf(formals, i);
      const bool present = i < tensors.size() && tensors[i].type != nullptr;
      if (formal == nullptr) return {fmt::format("{} has no {} {}", use.op, kind, i), {}, {}};
      if (!present) {
        if (!formal->optional && !formal->many) return {fmt::format("{} {} of {} is missing", kind, i, use.op), {}, {}};
        continue;
      }
      const DType dtype = tensors[i].type->dtype;
      DType* variable = formal->variable == 0 ? nullptr : &bound[static_cast<size_t>(formal->variable - 'A')];
      const bool other = variable != nullptr && *variable != DType::kNone && *variable != dtype;
      if (!formal->types.Has(dtype) || other) {
        return {fmt::format("{} does not take {} as {} {}", use.op, Name(dtype), kind, i),
                operands ? std::optional<size_t>(i) : std::nullopt, other ? TypeSet(*variable) : formal->types};
      }
      if (variable != nullptr) *variable = dtype;
    }
    return {};
  };
  TypeProblem problem = side(row.in, use.in, true);
  return problem.what.empty() ? side(row.out, use.out, false) : problem;
}

// "rank" -> 0, "rank12" -> 12; nullopt where the name is another.
std::optional<size_t> NumberAfter(std::string_view name, std::string_view word) {
  if (!name.starts_with(word)) return std::nullopt;
  name.remove_prefix(word.size());
  size_t number = 0;
  const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
  return parsed.ec == std::errc() && parsed.ptr == name.data() + name.size() ? std::optional(number) : std::nullopt;
}

// A figure of the use; nullopt where it is not known. A known operand that is absent gives 0.
std::optional<double> FigureOf(std::string_view name, const TfliteUse& use) {
  const auto rank_of = [](const TfliteTensor& t) -> std::optional<double> {
    if (t.type == nullptr) return 0;
    return t.type->ranked ? std::optional<double>(t.type->rank()) : std::nullopt;
  };
  const auto operand = [&](size_t i) { return i < use.in.size() ? use.in[i] : TfliteTensor(); };
  if (name == "n_in") return static_cast<double>(use.in.size());
  if (name == "rankout") return use.out.empty() ? std::optional<double>(0) : rank_of(use.out[0]);
  if (name == "scalesout") {
    const bool has = !use.out.empty() && use.out[0].type != nullptr && use.out[0].type->quant != nullptr;
    return has ? static_cast<double>(use.out[0].type->quant->scales.size()) : 0;
  }
  if (name == "samescale") {
    std::shared_ptr<const Quant> first;
    for (const auto* side : {&use.in, &use.out}) {
      for (const TfliteTensor& t : *side) {
        if (t.type == nullptr || t.type->quant == nullptr) continue;
        if (first != nullptr &&
            !(first->scales == t.type->quant->scales && first->zero_points == t.type->quant->zero_points)) {
          return 0;
        }
        first = t.type->quant;
      }
    }
    return 1;
  }
  if (name == "scaleout" || name == "zeroout") {
    const TensorType* type = use.out.empty() ? nullptr : use.out[0].type;
    if (type == nullptr || type->quant == nullptr || type->quant->scales.size() != 1) return std::nullopt;
    if (name == "scaleout") return type->quant->scales[0];
    return type->quant->zero_points.empty() ? 0 : static_cast<double>(type->quant->zero_points[0]);
  }
  if (name == "bcast") {
    const TfliteTensor a = operand(0), b = operand(1);
    if (a.type == nullptr || b.type == nullptr) return 0;
    if (!a.type->ranked || !b.type->ranked) return std::nullopt;
    if (a.type->shape == b.type->shape) return 0;
    return std::max(a.type->rank(), b.type->rank());
  }
  if (const auto k = NumberAfter(name, "rank")) return rank_of(operand(*k));
  if (const auto k = NumberAfter(name, "const")) return operand(*k).constant ? 1 : 0;
  if (const auto k = NumberAfter(name, "scales")) {
    const TensorType* type = operand(*k).type;
    return type == nullptr || type->quant == nullptr ? 0 : static_cast<double>(type->quant->scales.size());
  }
  if (const auto k = NumberAfter(name, "quant")) {
    const TensorType* type = operand(*k).type;
    return type != nullptr && type->quant != nullptr ? 1 : 0;
  }
  if (name.starts_with("dim")) {
    const std::vector<std::string_view> parts = Split(name.substr(3), '.');
    const auto k = parts.size() == 2 ? NumberAfter(parts[0], "") : std::nullopt;
    const auto axis = parts.size() == 2 ? NumberAfter(parts[1], "") : std::nullopt;
    if (!k || !axis) return std::nullopt;
    const TensorType* type = operand(*k).type;
    if (type == nullptr || !type->ranked || *axis >= type->shape.size() || !type->shape[*axis].is_static()) {
      return std::nullopt;
    }
    return static_cast<double>(type->shape[*axis].value());
  }
  return use.option ? use.option(name) : std::nullopt;
}

bool Holds(Limit::Test test, double left, double right) {
  switch (test) {
    case Limit::Test::kEqual: return left == right;
    case Limit::Test::kUnequal: return left != right;
    case Limit::Test::kAtMost: return left <= right;
    case Limit::Test::kAtLeast: return left >= right;
  }
  return false;
}

bool CheckLimit(const Limit& limit, const TfliteUse& use) {
  if (limit.name == "rank") {
    for (const auto* side : {&use.in, &use.out}) {
      for (const TfliteTensor& t : *side) {
        if (t.type == nullptr) continue;
        if (!t.type->ranked || !Holds(limit.test, t.type->rank(), limit.number)) return false;
      }
    }
    return true;
  }
  const std::optional<double> left = FigureOf(limit.name, use);
  const std::optional<double> right = limit.other.empty() ? limit.number : FigureOf(limit.other, use);
  return left && right && Holds(limit.test, *left, *right);
}

bool AboutRank(const Limit& limit) { return limit.name.starts_with("rank") || limit.name == "bcast"; }

Misfit Limited(const TfliteUse& use, const Limit& limit) {
  Misfit out;
  out.limit = AboutRank(limit) ? &diag::kTargetRank : &diag::kTargetAttribute;
  out.what = fmt::format("{} of TFLite needs {}", use.op, limit.text);
  out.repair = AboutRank(limit) ? Repair::kCollapse : Repair::kDecompose;
  return out;
}

bool NeedsScales(const ParsedRow& row, const TfliteUse& use) {
  return std::any_of(row.limits.begin(), row.limits.end(), [&](const Limit& limit) {
    return limit.name == "quant0" && !use.in.empty() && use.in[0].type != nullptr && !CheckLimit(limit, use);
  });
}

}  // namespace

TfliteFit FitTflite(const TfliteUse& use, const TfliteProfile& profile) {
  TfliteFit out;
  if (profile.forbid.contains(std::string(use.op))) {
    out.misfit = {&diag::kTargetForbidden, fmt::format("{} is not allowed", use.op), "", Repair::kDecompose};
    return out;
  }
  for (const std::string& required : profile.require) {
    const Limit limit = ParseLimit(required);
    if (CheckLimit(limit, use)) continue;
    out.misfit = {&diag::kTargetForbidden, fmt::format("{} does not keep to {}", use.op, required), "",
                  Repair::kDecompose};
    return out;
  }
  const std::vector<ParsedRow>& rows = RowsOf(use.op);
  const ParsedRow* younger = nullptr;
  TypeProblem nearest;
  std::optional<Misfit> limited;
  for (const ParsedRow& row : rows) {
    TypeProblem problem = CheckTypes(row, use);
    const bool young = row.row->since > profile.runtime;
    if (!problem.what.empty()) {
      // What is asked of the operand that fails last is the nearest miss; rows that fail there add up.
      if (young) continue;
      if (nearest.what.empty() || (problem.operand && nearest.operand && *problem.operand > *nearest.operand)) {
        nearest = std::move(problem);
      } else if (problem.operand && nearest.operand == problem.operand) {
        nearest.takes = nearest.takes | problem.takes;
      }
      continue;
    }
    // A kernel for numbers that integers stand for does not take plain integers.
    if (NeedsScales(row, use)) {
      problem.what = fmt::format("{} of TFLite takes {} with a scale only", use.op, Name(use.in[0].type->dtype));
      problem.operand = 0;
      if (!young && nearest.what.empty()) nearest = std::move(problem);
      continue;
    }
    const auto broken =
        std::find_if(row.limits.begin(), row.limits.end(), [&](const Limit& limit) { return !CheckLimit(limit, use); });
    if (broken != row.limits.end()) {
      if (!young) limited = Limited(use, *broken);
      continue;
    }
    if (young) {
      if (younger == nullptr || row.row->since < younger->row->since) younger = &row;
      continue;
    }
    out.version = row.row->version;
    out.since = row.row->since;
    return out;
  }
  if (rows.empty()) {
    out.misfit = {&diag::kTargetOperator, fmt::format("no kernel of {} is known", use.op), "", Repair::kDecompose};
  } else if (limited) {
    out.misfit = *std::move(limited);
  } else if (younger != nullptr && !nearest.operand) {
    out.misfit = {&diag::kTargetOperator,
                  fmt::format("{} in this form is in {} and later, the target is {}", use.op,
                              TfliteRuntimeName(younger->row->since), profile.name),
                  "a newer runtime", Repair::kDecompose};
  } else {
    out.misfit = {&diag::kTargetDtype, nearest.what, "", Repair::kDecompose};
    if (nearest.operand) {
      out.misfit.repair = Repair::kCast;
      out.misfit.operand = *nearest.operand;
      out.takes = nearest.takes;
    }
  }
  return out;
}

bool IsTfliteLimit(std::string_view text) {
  const Limit limit = ParseLimit(text);
  return !limit.name.empty() && text.find(' ') == std::string_view::npos;
}

std::string DelegateRefuses(TfliteDelegate delegate, const TfliteUse& use) {
  const std::vector<ParsedRow>& rows = RowsOf(delegate, use.op);
  if (rows.empty()) return fmt::format("it has no {}", use.op);
  std::string why;
  for (const ParsedRow& row : rows) {
    why = CheckTypes(row, use).what;
    if (!why.empty()) continue;
    const auto broken =
        std::find_if(row.limits.begin(), row.limits.end(), [&](const Limit& limit) { return !CheckLimit(limit, use); });
    if (broken == row.limits.end()) return {};
    why = fmt::format("{} needs {}", use.op, broken->text);
  }
  return why;
}

}  // namespace godwit::targets
