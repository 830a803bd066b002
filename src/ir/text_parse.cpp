// Reads the text form. Written for hostile text: nesting is bounded, nothing is allocated for sizes that the text
// merely claims, and the first problem ends with its line and column.
#include <unordered_map>

#include "base/text.h"
#include "ir/scan_types.h"
#include "ir/text.h"
#include "ir/text_data.h"

namespace godwit {

namespace {

constexpr int kMaxRegionNesting = 64;

template <class T, class Read>
Result<AttrValue> ScanList(Scanner& s, Read read) {
  std::vector<T> out;
  while (!s.Accept("]")) {
    if (!out.empty()) RETURN_IF_ERROR(s.Expect(","));
    TRY(out.emplace_back(), read());
  }
  return AttrValue(std::move(out));
}

bool NextIsFloat(Scanner& s) {
  const size_t start = s.position();
  s.Peek();
  const std::string_view rest = s.text().substr(s.position());
  s.Rewind(start);
  const size_t sign = !rest.empty() && rest[0] == '-' ? 1 : 0;
  const size_t end = rest.find_first_not_of("0123456789", sign);
  if (end == std::string_view::npos) return false;
  return end == sign ? rest[end] == 'n' || rest[end] == 'i' : rest[end] == '.' || rest[end] == 'e';
}

Result<AttrValue> ScanAttr(Scanner& s) {
  const char next = s.Peek();
  if (next == '"') {
    TRY(std::string text, s.Quoted());
    return AttrValue(std::move(text));
  }
  if (s.Accept("[")) {
    if (s.Peek() == '"') return ScanList<std::string>(s, [&] { return s.Quoted(); });
    if (NextIsFloat(s)) return ScanList<double>(s, [&] { return s.Double(); });
    return ScanList<int64_t>(s, [&] { return s.Int(); });
  }
  const bool number = next == '-' || (next >= '0' && next <= '9');
  if (number && !NextIsFloat(s)) {
    TRY(const int64_t value, s.Int());
    return AttrValue(value);
  }
  const size_t at = s.position();
  const std::string_view word = number ? std::string_view() : s.Identifier();
  if (number || word == "nan" || word == "inf") {
    s.Rewind(at);
    TRY(const double value, s.Double());
    return AttrValue(value);
  }
  if (word == "ints" || word == "floats" || word == "strings") {
    RETURN_IF_ERROR(s.Expect("[]"));
    if (word == "ints") return AttrValue(std::vector<int64_t>());
    return word == "floats" ? AttrValue(std::vector<double>()) : AttrValue(std::vector<std::string>());
  }
  if (word == "type") {
    TRY(Type type, ScanType(s));
    return AttrValue(std::move(type));
  }
  if (word == "tensor") {
    TRY(Type type, ScanType(s));
    if (!type.is_tensor()) return s.Error("tensor type expected");
    TRY(auto data, ScanTensorData(s, type.tensor()));
    auto* tensor = std::get_if<Tensor>(&data);
    if (tensor == nullptr) return s.Error("an attribute's contents cannot be left out");
    return AttrValue(std::move(*tensor));
  }
  const DType dtype = DTypeFromName(word);
  if (dtype == DType::kNone && word != Name(DType::kNone)) return s.ErrorAt(at, "attribute value expected");
  return AttrValue(dtype);
}

class Parser {
 public:
  Parser(std::string_view text, OpLookup lookup) : s_(text), lookup_(lookup) {}

  Result<Graph> Parse() {
    RETURN_IF_ERROR(Word("graph"));
    if (s_.Peek() != '{') {
      TRY(g_.name, s_.Name());
    }
    RETURN_IF_ERROR(s_.Expect("{"));
    while (!s_.AcceptWord("main")) RETURN_IF_ERROR(Header());
    RETURN_IF_ERROR(ParseRegion(Graph::main(), 0));
    RETURN_IF_ERROR(s_.Expect("}"));
    if (!s_.AtEnd()) return s_.Error("end of the text expected");
    return std::move(g_);
  }

 private:
  Status Word(std::string_view word) {
    if (s_.AcceptWord(word)) return Ok{};
    return s_.Error(Concat("'", word, "' expected"));
  }

  Status Header() {
    if (s_.AcceptWord("producer")) {
      TRY(g_.producer, s_.Quoted());
    } else if (s_.AcceptWord("format")) {
      TRY(g_.format, s_.Quoted());
    } else if (s_.AcceptWord("opset")) {
      TRY(std::string domain, s_.Quoted());
      TRY(const int64_t version, s_.Int());
      g_.opsets.emplace_back(std::move(domain), version);
    } else if (s_.AcceptWord("meta")) {
      TRY(std::string key, s_.Quoted());
      TRY(g_.metadata[std::move(key)], s_.Quoted());
    } else if (s_.AcceptWord("const")) {
      TRY(Definition def, ScanDefinition());
      RETURN_IF_ERROR(s_.Expect("="));
      if (!def.type.is_tensor()) return s_.ErrorAt(def.at, "a constant is a tensor");
      Constant constant;
      constant.type = def.type.tensor();
      TRY(constant.data, ScanTensorData(s_, constant.type));
      return Bind(def, g_.AddConstant(std::move(constant)));
    } else {
      return s_.Error("producer, format, opset, meta, const or main expected");
    }
    return Ok{};
  }

  // A value where it is defined: how the text calls it, its name in the graph and its type.
  struct Definition {
    std::string key;
    std::string name;
    Type type;
    size_t at = 0;
  };

  // "%name" and "%\"name\"" are called by the name of the value, "%12" is not a name.
  Result<std::string> ScanKey(std::string* name) {
    RETURN_IF_ERROR(s_.Expect("%"));
    const char next = s_.Peek();
    if (next >= '0' && next <= '9') {
      TRY(const uint64_t number, s_.Unsigned());
      return "#" + std::to_string(number);
    }
    TRY(std::string key, s_.Name());
    if (name != nullptr) *name = key;
    return "%" + key;
  }

  Result<Definition> ScanDefinition() {
    Definition def;
    def.at = s_.position();
    TRY(def.key, ScanKey(&def.name));
    if (def.name.empty() && s_.AtQuote()) {
      TRY(def.name, s_.Quoted());
    }
    RETURN_IF_ERROR(s_.Expect(":"));
    TRY(def.type, ScanType(s_));
    return def;
  }

  Status Bind(Definition& def, ValueId id) {
    Value& value = g_.value(id);
    value.name = std::move(def.name);
    value.type = std::move(def.type);
    if (!values_.emplace(std::move(def.key), id).second) return s_.ErrorAt(def.at, "value is defined twice");
    return Ok{};
  }

  Result<ValueId> ScanUse() {
    const size_t at = s_.position();
    if (s_.AcceptWord("_")) return ValueId{};
    TRY(const std::string key, ScanKey(nullptr));
    const auto it = values_.find(key);
    if (it == values_.end()) return s_.ErrorAt(at, "value is not defined before its use");
    return it->second;
  }

  Status ParseRegion(RegionId id, int depth) {
    if (depth > kMaxRegionNesting) return s_.Error("regions are nested too deeply");
    RETURN_IF_ERROR(s_.Expect("("));
    for (bool first = true; !s_.Accept(")"); first = false) {
      if (!first) RETURN_IF_ERROR(s_.Expect(","));
      TRY(Definition def, ScanDefinition());
      RETURN_IF_ERROR(Bind(def, g_.AddParam(id, {}, {})));
    }
    RETURN_IF_ERROR(s_.Expect("{"));
    while (!s_.AcceptWord("yield")) RETURN_IF_ERROR(ParseNode(id, depth));
    RETURN_IF_ERROR(s_.Expect("("));
    for (bool first = true; !s_.Accept(")"); first = false) {
      if (!first) RETURN_IF_ERROR(s_.Expect(","));
      TRY(const ValueId value, ScanUse());
      g_.region(id).results.push_back(value);
      if (id == Graph::main() && s_.AcceptWord("as")) {
        g_.output_names.resize(g_.region(id).results.size() - 1);
        TRY(g_.output_names.emplace_back(), s_.Name());
      }
    }
    return s_.Expect("}");
  }

  Status ParseNode(RegionId region, int depth) {
    std::vector<Definition> defs;
    std::vector<bool> wanted;
    if (const char next = s_.Peek(); next == '%' || s_.AcceptWord("_")) {
      do {
        const bool absent = (next != '%' && wanted.empty()) || s_.AcceptWord("_");
        wanted.push_back(!absent);
        if (absent) continue;
        TRY(defs.emplace_back(), ScanDefinition());
      } while (s_.Accept(","));
      RETURN_IF_ERROR(s_.Expect("="));
    }
    const size_t at = s_.position();
    TRY(const std::string op_name, s_.Name());
    const OpDef* op = lookup_(op_name);
    if (op == nullptr) return s_.ErrorAt(at, Concat("there is no operator '", Printable(op_name, 64), "'"));
    const NodeId id = g_.AddNode(region, *op, {}, 0);
    RETURN_IF_ERROR(Arguments(id));
    RETURN_IF_ERROR(ParseOrigin(id));
    while (s_.AcceptWord("region")) RETURN_IF_ERROR(ParseRegion(g_.AddRegion(id), depth + 1));
    size_t next_def = 0;
    for (const bool want : wanted) {
      if (want) {
        RETURN_IF_ERROR(Bind(defs[next_def++], g_.AddResult(id)));
      } else {
        g_.node(id).out.emplace_back();
      }
    }
    return Ok{};
  }

  Status Arguments(NodeId id) {
    RETURN_IF_ERROR(s_.Expect("("));
    Node& node = g_.node(id);
    for (bool first = true; !s_.Accept(")"); first = false) {
      if (!first) RETURN_IF_ERROR(s_.Expect(","));
      const size_t at = s_.position();
      const bool operand = s_.Peek() == '%' || s_.AcceptWord("_");
      s_.Rewind(at);
      if (operand) {
        if (!node.attrs.empty()) return s_.Error("operands stand before attributes");
        TRY(node.in.emplace_back(), ScanUse());
        continue;
      }
      TRY(const std::string name, s_.Name());
      if (node.attrs.Has(name)) return s_.ErrorAt(at, "attribute is given twice");
      RETURN_IF_ERROR(s_.Expect("="));
      TRY(AttrValue value, ScanAttr(s_));
      node.attrs.Set(name, std::move(value));
    }
    return Ok{};
  }

  Status ParseOrigin(NodeId id) {
    if (!s_.AcceptWord("from")) return Ok{};
    Origin origin;
    TRY(origin.node, s_.Name());
    if (s_.AcceptWord("op")) {
      TRY(origin.op_type, s_.Name());
    }
    if (s_.AcceptWord("scope")) {
      TRY(origin.scope, s_.Name());
    }
    g_.node(id).origin = g_.AddOrigin(std::move(origin));
    return Ok{};
  }

  Scanner s_;
  OpLookup lookup_;
  Graph g_;
  std::unordered_map<std::string, ValueId> values_;
};

}  // namespace

Result<Graph> ParseGraph(std::string_view text, OpLookup lookup) { return Parser(text, lookup).Parse(); }

Result<AttrValue> ParseAttr(AttrKind kind, std::string_view text) {
  Scanner s(text);
  if (kind == AttrKind::kString && !s.AtQuote()) return AttrValue(std::string(text));
  if (kind == AttrKind::kFloat) {
    TRY(const double value, s.Double());
    if (!s.AtEnd()) return s.Error("number expected");
    return AttrValue(value);
  }
  if (kind == AttrKind::kFloatList && s.Accept("[")) {
    TRY(AttrValue value, ScanList<double>(s, [&] { return s.Double(); }));
    if (!s.AtEnd()) return s.Error("list of numbers expected");
    return value;
  }
  if (kind == AttrKind::kType && !s.AcceptWord("type")) {
    TRY(Type type, Type::Parse(text));
    return AttrValue(std::move(type));
  }
  s.Rewind(0);
  TRY(AttrValue value, ScanAttr(s));
  if (text == "[]" && kind == AttrKind::kStringList) return AttrValue(std::vector<std::string>());
  if (KindOf(value) != kind || !s.AtEnd()) return s.ErrorAt(0, "attribute value of another kind");
  return value;
}

}  // namespace godwit
