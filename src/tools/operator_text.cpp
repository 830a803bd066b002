// How operators are shown.
#include <algorithm>

#include "base/text.h"
#include "tools/catalog.h"

namespace godwit::tools {

namespace {

struct NamedSet {
  std::string_view name;
  TypeSet types;
};
// Larger sets first: each takes away what it covers.
constexpr NamedSet kSets[] = {
    {"any", kAnyType},
    {"numbers", kNumbers},
    {"floats", kFloats},
    {"f8", kFloat8},
    {"integers", kInts},
    {"signed integers", kSignedInts},
    {"small integers", kSmallInts},
    {"unsigned integers", kUnsignedInts},
    {"complex", kComplexes},
};

std::string Flags(const OperandDef& operand) {
  std::string out;
  const auto add = [&](OperandDef::Flags flag, std::string_view word) {
    if ((operand.flags & flag) != 0) out += Concat(out.empty() ? "" : ", ", word);
  };
  add(OperandDef::kOptional, "optional");
  add(OperandDef::kVariadic, "any number");
  add(OperandDef::kNotTensor, "sequence, optional or map");
  add(OperandDef::kShapeLike, "decides shapes");
  return out;
}

void AppendOperands(std::string_view title, std::span<const OperandDef> operands, bool markdown, std::string* out) {
  if (operands.empty()) return;
  *out += markdown ? Concat("\n", title, ":\n\n") : Concat("  ", title, ":\n");
  for (const OperandDef& o : operands) {
    const std::string flags = Flags(o);
    *out += Concat(markdown ? "- `" : "    ", o.name, markdown ? "`" : "", ": ", TypesText(o.types),
                   o.group != 0 ? Concat(", same type as all '", std::string(1, o.group), "'") : "",
                   flags.empty() ? "" : ", ", flags, "\n");
  }
}

}  // namespace

std::string TypesText(TypeSet types) {
  uint32_t left = types.bits();
  std::string out;
  const auto add = [&](std::string_view name) { out += Concat(out.empty() ? "" : ", ", name); };
  for (const NamedSet& set : kSets) {
    if ((left & set.types.bits()) != set.types.bits()) continue;
    add(set.name);
    left &= ~set.types.bits();
  }
  for (int i = 1; i < kDTypeCount; ++i) {
    if (TypeSet(left).Has(static_cast<DType>(i))) add(Name(static_cast<DType>(i)));
  }
  return out.empty() ? "none" : out;
}

std::string_view KindText(AttrKind kind) {
  switch (kind) {
    case AttrKind::kInt: return "integer";
    case AttrKind::kFloat: return "float";
    case AttrKind::kString: return "text";
    case AttrKind::kIntList: return "integers";
    case AttrKind::kFloatList: return "floats";
    case AttrKind::kStringList: return "texts";
    case AttrKind::kDType: return "element type";
    case AttrKind::kTensor: return "tensor";
    case AttrKind::kType: return "type";
  }
  return "integer";
}

std::string OperatorText(const OpDef& op, bool markdown) {
  std::string out = markdown ? Concat("\n## ", op.name, "\n\n", op.doc, "\n") : Concat(op.name, ": ", op.doc, "\n");
  AppendOperands("operands", op.operands, markdown, &out);
  AppendOperands("results", op.results, markdown, &out);
  if (!op.attrs.empty()) {
    out += markdown ? "\nattributes:\n\n" : "  attributes:\n";
    for (const AttrDef& a : op.attrs) {
      const std::string_view fallback = a.fallback;
      out += Concat(markdown ? "- `" : "    ", a.name, markdown ? "`" : "", " (", KindText(a.kind),
                    fallback.empty() ? ", required" : Concat(", default ", fallback), "): ", a.doc, "\n");
    }
  }
  if (!op.constraints.empty()) {
    out += markdown ? "\nconstraints:\n\n" : "  constraints:\n";
    for (const std::string_view c : op.constraints) {
      out += Concat(markdown ? "- `" : "    ", op.name, ".", c.substr(0, c.find(':')), markdown ? "`" : "",
                    c.find(':') == std::string_view::npos ? "" : c.substr(c.find(':')), "\n");
    }
  }
  return out;
}

}  // namespace godwit::tools
