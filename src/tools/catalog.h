// The tables that this build holds, as text, JSON and Markdown pages: `list` prints them whole, `explain` one row.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ir/op_def.h"

namespace godwit::tools {

struct Catalog {
  std::string_view name;   ///< "ops"
  std::string_view title;  ///< of the page
  std::string_view doc;    ///< what the table is, one sentence
  std::string (*text)();
  std::string (*json)();
  std::string (*markdown)();  ///< without the heading
};
std::span<const Catalog> AllCatalogs();

/// "floats, i64": the element types of a set, by the names of their groups.
std::string TypesText(TypeSet types);
std::string_view KindText(AttrKind kind);
/// What `explain` says of an operator; also its section of the page.
std::string OperatorText(const OpDef& op, bool markdown);
/// What `explain` says of a rule of simplification; "" when there is none of that name.
std::string RuleText(std::string_view name);
/// Every ONNX operator has an entry "Conv" or "com.microsoft.Gelu"; "" when there is none.
std::string OnnxOperatorText(std::string_view name);
/// Every operator of TFLite, "CONV_2D", and each custom one that is read.
std::string TfliteOperatorText(std::string_view name);

}  // namespace godwit::tools
