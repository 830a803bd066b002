// Matrix products.
#include "frontends/onnx/window_import.h"

namespace godwit::from_onnx {

namespace {

Status ImportMatMul(NodeImport& n) { return n.Same(ops::kMatMul); }

Status ImportGemm(NodeImport& n) {
  Attrs attrs;
  RETURN_IF_ERROR(CopyFloat(n, "alpha", "alpha", 1, &attrs));
  RETURN_IF_ERROR(CopyFloat(n, "beta", "beta", 1, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "transA", "transpose_a", 0, &attrs));
  RETURN_IF_ERROR(CopyInt(n, "transB", "transpose_b", 0, &attrs));
  // Before version 7 a flag allowed what every version's shapes say by themselves.
  if (n.version() < 7) n.Ignore("broadcast");
  return n.Same(ops::kGemm, std::move(attrs));
}

Status ImportEinsum(NodeImport& n) {
  TRY(std::string equation, n.Str("equation"));
  return n.Same(ops::kEinsum, {{"equation", std::move(equation)}});
}

Status ImportDet(NodeImport& n) { return n.Same(ops::kDet); }

constexpr Rule kRules[] = {
    {"Det", 11, ImportDet},
    {"Einsum", 12, ImportEinsum},
    {"Gemm", 1, ImportGemm},
    {"MatMul", 1, ImportMatMul},
};

}  // namespace

extern const RuleSet kMatMulRules{"", kRules};

}  // namespace godwit::from_onnx
