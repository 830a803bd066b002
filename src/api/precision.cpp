#include "api/precision.h"

#include "base/diag.h"
#include "base/text.h"

namespace godwit {

Status SetPrecision(const std::string& precision, const std::string& io, HalfOptions* half) {
  if (precision == "f16" || precision == "bf16") {
    half->kind = HalfKind::kWhole;
  } else if (precision == "mixed") {
    half->kind = HalfKind::kMixed;
  } else if (precision == "f16w") {
    half->kind = HalfKind::kWeights;
  } else if (precision != "f32") {
    return Diag(diag::kUsage,
                Concat("--precision: '", Printable(precision, 100), "' is not one of f32, f16, bf16, mixed, f16w"));
  }
  if (io != "keep" && io != "half") {
    return Diag(diag::kUsage, Concat("--io-type: '", Printable(io, 100), "' is neither keep nor half"));
  }
  if (precision == "bf16") {
    half->dtype = DType::kBF16;
    half->bound = 8e-2;  // eight times fewer digits
  }
  half->keep_io = io == "keep";
  return Ok{};
}

}  // namespace godwit
