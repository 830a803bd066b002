// Reads each row of onnx_schema.def when it is first asked for.
//
// Formals are "name:types", types being a variable of the row or the number of a set of types; "?" after the name is
// optional, "*" variadic, "~" variadic with types of its own for each, a number behind those the least count.
// Attributes are "name:kind", "!" where required. Variables are "name=number".
#include "targets/onnx_schema.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <tuple>

#include "base/text.h"

namespace godwit::targets {
namespace {

struct TypesRow {
  int number;
  std::string_view types;
};
struct OpRow {
  std::string_view domain, op;
  int since;
  bool deprecated;
  std::string_view inputs, outputs, attrs, variables;
};

constexpr TypesRow kTypes[] = {
#define GODWIT_ONNX_TYPES(number, types) {number, types},
#include "targets/onnx_schema.def"
};
constexpr OpRow kOps[] = {
#define GODWIT_ONNX_OP(domain, op, since, deprecated, inputs, outputs, attributes, variables) \
  {domain, op, since, deprecated, inputs, outputs, attributes, variables},
#include "targets/onnx_schema.def"
};

constexpr std::string_view kAttrKinds[] = {"",       "float",  "int",     "string",  "tensor",
                                           "graph",  "floats", "ints",    "strings", "tensors",
                                           "graphs", "sparse", "sparses", "type",    "types"};

/// Takes the text up to the next `mark` (or all) off the front.
std::string_view Take(std::string_view* text, char mark) {
  const size_t end = std::min(text->find(mark), text->size());
  const std::string_view word = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return word;
}

size_t Number(std::string_view digits) {
  size_t n = 0;
  for (const char c : digits) n = n * 10 + static_cast<size_t>(c - '0');
  return n;
}
std::string Text(size_t n) { return std::to_string(n); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

OnnxTypes ReadTypes(std::string_view text) {
  OnnxTypes types;
  std::string_view kind;
  while (!text.empty()) {
    std::string_view word = Take(&text, ' ');
    if (word.ends_with(':')) {
      kind = word;
      continue;
    }
    TypeSet* set = &types.tensors;
    if (kind == "seq:") set = &types.sequences;
    if (kind == "opt:") set = &types.optionals;
    if (kind == "optseq:") set = &types.optional_sequences;
    if (kind == "map:" || kind == "seqmap:") {
      const bool integer = Take(&word, ',') == "i64";
      if (kind == "map:") set = integer ? &types.int_maps : &types.string_maps;
      if (kind == "seqmap:") set = integer ? &types.int_map_sequences : &types.string_map_sequences;
    }
    *set = *set | DTypeFromName(word);
  }
  return types;
}

/// Rows are read one by one when they are asked for: a conversion needs a few dozen of a thousand.
class Table {
 public:
  const OnnxSchema& At(size_t row) {
    std::call_once(rows_read_[row], [&] { Read(row); });
    return schemas_[row];
  }
  std::span<const OnnxSchema> All() {
    for (size_t row = 0; row < schemas_.size(); ++row) At(row);
    return schemas_;
  }

 private:
  void Read(size_t at) {
    const OpRow& row = kOps[at];
    OnnxSchema& schema = schemas_[at];
    schema = {row.domain, row.op, row.since, row.deprecated, {}, {}, {}};
    schema.inputs = Formals(row.inputs, row.variables);
    schema.outputs = Formals(row.outputs, row.variables);
    for (std::string_view rest = row.attrs; !rest.empty();) {
      std::string_view word = Take(&rest, ' ');
      OnnxAttr attr;
      attr.name = Take(&word, ':');
      attr.required = word.ends_with('!');
      if (attr.required) word.remove_suffix(1);
      const auto* kind = std::find(std::begin(kAttrKinds), std::end(kAttrKinds), word);
      attr.type = static_cast<onnx::AttributeType>(kind - std::begin(kAttrKinds));
      schema.attrs.push_back(attr);
    }
  }

  const OnnxTypes* Types(std::string_view number) {
    const size_t at = Number(number);
    std::call_once(types_read_[at], [&] { types_[at] = ReadTypes(kTypes[at].types); });
    return &types_[at];
  }

  [[nodiscard]] std::vector<OnnxFormal> Formals(std::string_view text, std::string_view variables) {
    std::vector<OnnxFormal> formals;
    while (!text.empty()) {
      std::string_view word = Take(&text, ' ');
      OnnxFormal formal;
      formal.name = Take(&word, ':');
      const size_t mark = formal.name.find_first_of("?*~");
      if (mark != formal.name.npos) {
        const std::string_view least = formal.name.substr(mark + 1);
        const char option = formal.name[mark];
        formal.option = option == '?' ? OnnxFormal::Option::kOptional : OnnxFormal::Option::kVariadic;
        formal.homogeneous = option != '~';
        if (!least.empty()) formal.least = static_cast<uint8_t>(Number(least));
        formal.name = formal.name.substr(0, mark);
      }
      if (IsDigit(word.front())) {
        formal.types = Types(word);
      } else {
        formal.variable = word;
        for (std::string_view rest = variables; !rest.empty();) {
          std::string_view number = Take(&rest, ' ');
          if (Take(&number, '=') == word) formal.types = Types(number);
        }
      }
      formals.push_back(formal);
    }
    return formals;
  }

  std::array<OnnxTypes, std::size(kTypes)> types_;
  std::array<OnnxSchema, std::size(kOps)> schemas_;
  std::array<std::once_flag, std::size(kTypes)> types_read_;
  std::array<std::once_flag, std::size(kOps)> rows_read_;
};

Table& TheTable() {
  static Table table;
  return table;
}

bool SameType(const Type& a, const Type& b) {
  if (a.is_unknown() || b.is_unknown()) return true;
  if (a.kind() != b.kind()) return false;
  if (a.is_tensor()) return a.dtype() == b.dtype() || a.dtype() == DType::kNone || b.dtype() == DType::kNone;
  if (a.kind() == Type::Kind::kMap && a.key() != b.key()) return false;
  return a.kind() == Type::Kind::kResource || SameType(a.element(), b.element());
}

/// Checks inputs and outputs, which share their type variables.
class FormalCheck {
 public:
  std::string Check(std::string_view what, std::span<const OnnxFormal> formals, std::span<const Type* const> given) {
    const bool endless = !formals.empty() && formals.back().option == OnnxFormal::Option::kVariadic;
    if (given.size() > formals.size() && !endless) {
      return Concat(Text(given.size()), " ", what, "s, at most ", Text(formals.size()));
    }
    for (size_t k = 0; k < formals.size(); ++k) {
      const bool there = k < given.size() && given[k] != nullptr;
      const OnnxFormal& f = formals[k];
      if (f.option == OnnxFormal::Option::kSingle && !there) return Concat(what, " '", f.name, "' is missing");
      if (f.option == OnnxFormal::Option::kVariadic && given.size() < k + f.least) {
        return Concat(Text(given.size() - std::min(k, given.size())), " of ", what, " '", f.name, "', at least ",
                      Text(f.least));
      }
    }
    for (size_t k = 0; k < given.size(); ++k) {
      if (given[k] == nullptr) continue;
      const OnnxFormal& formal = formals[std::min(k, formals.size() - 1)];
      if (formal.types != nullptr && !formal.types->Has(*given[k])) {
        return Concat(what, " '", formal.name, "' may not be ", given[k]->ToString());
      }
      if (formal.variable.empty() || !formal.homogeneous || given[k]->is_unknown()) continue;
      const Bound* bound = Find(formal.variable);
      if (bound == nullptr) {
        bound_.push_back({formal.variable, given[k], formal.name});
      } else if (!SameType(*bound->type, *given[k])) {
        return Concat(what, " '", formal.name, "' is ", given[k]->ToString(), ", '", bound->name, "' is ",
                      bound->type->ToString());
      }
    }
    return {};
  }

 private:
  struct Bound {
    std::string_view variable;
    const Type* type;
    std::string_view name;
  };
  [[nodiscard]] const Bound* Find(std::string_view variable) const {
    for (const Bound& b : bound_) {
      if (b.variable == variable) return &b;
    }
    return nullptr;
  }
  std::vector<Bound> bound_;
};

}  // namespace

bool OnnxTypes::Has(const Type& type) const {
  const auto in = [](TypeSet set, DType d) { return d == DType::kNone ? set.bits() != 0 : set.Has(d); };
  switch (type.kind()) {
    case Type::Kind::kUnknown: return true;
    case Type::Kind::kTensor: return in(tensors, type.dtype());
    case Type::Kind::kSequence: {
      const Type& e = type.element();
      if (e.kind() == Type::Kind::kMap) {
        return in(e.key() == DType::kString ? string_map_sequences : int_map_sequences, e.element().dtype());
      }
      return (e.is_tensor() || e.is_unknown()) && in(sequences, e.dtype());
    }
    case Type::Kind::kOptional: {
      const Type& e = type.element();
      if (e.kind() == Type::Kind::kSequence) return in(optional_sequences, e.element().dtype());
      if (e.is_unknown()) return optionals.bits() != 0 || optional_sequences.bits() != 0;
      return e.is_tensor() && in(optionals, e.dtype());
    }
    case Type::Kind::kMap: return in(type.key() == DType::kString ? string_maps : int_maps, type.element().dtype());
    case Type::Kind::kResource: return false;
  }
  return false;
}

const OnnxAttr* OnnxSchema::FindAttr(std::string_view name) const {
  for (const OnnxAttr& a : attrs) {
    if (a.name == name) return &a;
  }
  return nullptr;
}

std::span<const OnnxSchema> AllOnnxSchemas() { return TheTable().All(); }

const OnnxSchema* FindSchema(std::string_view domain, std::string_view op, int64_t opset) {
  if (domain == "ai.onnx") domain = "";
  using Key = std::tuple<std::string_view, std::string_view, int64_t>;
  const auto above = [](const Key& key, const OpRow& row) { return key < Key(row.domain, row.op, row.since); };
  const OpRow* next = std::upper_bound(std::begin(kOps), std::end(kOps), Key(domain, op, opset), above);
  if (next == std::begin(kOps)) return nullptr;
  --next;
  if (next->domain != domain || next->op != op) return nullptr;
  return &TheTable().At(static_cast<size_t>(next - std::begin(kOps)));
}

std::string CheckNode(const OnnxSchema& schema, std::span<const Type* const> inputs,
                      std::span<const Type* const> outputs, std::span<const onnx::Attribute> attrs) {
  if (schema.deprecated) return Concat("there is no such operator from opset ", std::to_string(schema.since), " on");
  FormalCheck check;
  if (std::string problem = check.Check("input", schema.inputs, inputs); !problem.empty()) return problem;
  if (std::string problem = check.Check("output", schema.outputs, outputs); !problem.empty()) return problem;
  for (const onnx::Attribute& a : attrs) {
    const OnnxAttr* known = schema.FindAttr(a.name);
    if (known == nullptr) return Concat("no attribute '", a.name, "' in version ", std::to_string(schema.since));
    if (a.type != known->type) {
      return Concat("attribute '", a.name, "' is ", onnx::AttributeTypeName(a.type), ", not ",
                    onnx::AttributeTypeName(known->type));
    }
  }
  for (const OnnxAttr& a : schema.attrs) {
    const bool given = std::any_of(attrs.begin(), attrs.end(), [&](const auto& x) { return x.name == a.name; });
    if (a.required && !given) return Concat("attribute '", a.name, "' is missing");
  }
  return {};
}

}  // namespace godwit::targets
