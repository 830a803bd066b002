// What a row has written, held to the table of the kernels.
#include "backends/tflite/node_export.h"

#include <fmt/format.h>

#include "backends/tflite/model_export.h"
#include "base/text.h"
#include "passes/legalise/exact.h"
#include "passes/legalise/ranges.h"

namespace godwit::to_tflite {

DType NodeExport::Narrower(size_t i, TypeSet takes, bool* lossy) {
  const DType from = DtypeOf(i);
  if (from == DType::kF64 && takes.Has(DType::kF32)) {
    *lossy = true;
    return DType::kF32;
  }
  if (from != DType::kI64 || !takes.Has(DType::kI32)) return DType::kNone;
  for (const std::vector<ValueId>* list : {&node_.in, &node_.out}) {
    for (const ValueId v : *list) {
      if (v && TypeOf(v).dtype() == from && !FitsI32(scope_, v)) return DType::kNone;
    }
  }
  return DType::kI32;
}

std::optional<targets::Misfit> NodeExport::CheckWritten() {
  if (!Complete()) {
    if (misfit_.limit != nullptr) return misfit_;
    return targets::Misfit{&diag::kDefect, {}, {}, targets::Repair::kNone};
  }
  for (WrittenOperator& o : written_) {
    if (o.custom) {
      if (exporter_.profile().allow_custom.contains(std::string(o.op))) continue;
      return targets::Misfit{&diag::kTargetOperator, fmt::format("{} is a custom operator", o.op),
                             Concat("--allow-custom ", o.op), targets::Repair::kDecompose};
    }
    targets::TfliteUse use;
    use.op = o.op;
    for (const Ref ref : o.in) {
      if (!ref.valid()) {
        use.in.push_back({});
      } else {
        const WrittenTensor& t = exporter_.tensor(ref);
        use.in.push_back({&t.type, t.constant.has_value()});
      }
    }
    for (const Ref ref : o.out) use.out.push_back({&TypeOf(ref), false});
    use.option = [&](std::string_view name) -> std::optional<double> { return NumberOf(o, name); };
    targets::TfliteFit fit = targets::FitTflite(use, exporter_.profile());
    if (fit.version > 0) {
      o.version = fit.version;
      o.since = fit.since;
      continue;
    }
    if (fit.misfit.repair == targets::Repair::kCast) {
      const Ref bad = o.in[fit.misfit.operand];
      fit.misfit.repair = targets::Repair::kDecompose;
      for (size_t k = 0; k < n_in() && &op() != &ops::kCast && !with_.quantised; ++k) {
        if (!Has(k) || !TypeOf(k).is_tensor() || exporter_.RefOf(scope_, node_.in[k]) != bad) continue;
        fit.misfit.cast_to = targets::WiderType(DtypeOf(k), fit.takes, ExactInFloat(op()));
        if (fit.misfit.cast_to == DType::kNone) fit.misfit.cast_to = Narrower(k, fit.takes, &fit.misfit.lossy);
        if (fit.misfit.cast_to == DType::kNone) break;
        fit.misfit.repair = targets::Repair::kCast;
        fit.misfit.operand = k;
        break;
      }
    }
    return fit.misfit;
  }
  return std::nullopt;
}

}  // namespace godwit::to_tflite
