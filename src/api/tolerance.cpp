#include "api/tolerance.h"

#include "base/text.h"

namespace godwit {

Status AddTolerance(std::string_view text, std::map<std::string, StatedTolerance>* out) {
  const auto wrong = [&] {
    return Diag(diag::kUsage,
                Concat("--tolerance ", Printable(text, 200), " is not [OUTPUT:]abs=X, rel=X, corr=X or sqnr=X"))
        .Hint("--tolerance rel=1e-4");
  };
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos) return wrong();
  // Names of outputs may hold colons themselves.
  const size_t colon = text.rfind(':', equals);
  const std::string_view kind = text.substr(colon == std::string_view::npos ? 0 : colon + 1,
                                            equals - (colon == std::string_view::npos ? 0 : colon + 1));
  double value = 0;
  if (!ParseDouble(text.substr(equals + 1), &value) || !(value >= 0)) return wrong();
  StatedTolerance& t = (*out)[std::string(colon == std::string_view::npos ? "" : text.substr(0, colon))];
  if (kind == "abs") {
    t.absolute = value;
  } else if (kind == "rel") {
    t.relative = value;
  } else if (kind == "corr") {
    t.correlation = value;
  } else if (kind == "sqnr") {
    t.sqnr = value;
    t.has_sqnr = true;
  } else {
    return wrong();
  }
  return Ok{};
}

}  // namespace godwit
