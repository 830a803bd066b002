#include "ir/type.h"

#include <algorithm>

#include "base/text.h"
#include "ir/scan_types.h"

namespace godwit {

namespace {

// seq(opt(seq(...))): far beyond what any format can say, and safe to recurse over.
constexpr int kMaxNesting = 32;

bool SameQuant(const Quant* a, const Quant* b) {
  if (a == nullptr || b == nullptr) return a == b;
  return *a == *b;
}

template <class List, class Format>
void AppendList(std::string* out, const List& list, Format format) {
  *out += '[';
  for (size_t i = 0; i < list.size(); ++i) {
    if (i != 0) *out += ',';
    *out += format(list[i]);
  }
  *out += ']';
}

std::string QuantText(const Quant& quant) {
  std::string out = "{scales=";
  AppendList(&out, quant.scales, [](double v) { return ShortestDouble(v); });
  if (!quant.zero_points.empty()) {
    out += ",zeros=";
    AppendList(&out, quant.zero_points, [](int64_t v) { return std::to_string(v); });
  }
  if (quant.axis != -1) out += ",axis=" + std::to_string(quant.axis);
  if (quant.block != 0) out += ",block=" + std::to_string(quant.block);
  return out += '}';
}

std::string TensorText(const TensorType& t) {
  std::string out(t.dtype == DType::kNone ? "?" : Name(t.dtype));
  out += t.ranked ? ToString(t.shape) : "[*]";
  if (t.quant != nullptr) out += QuantText(*t.quant);
  return out;
}

Result<std::shared_ptr<const Quant>> ScanQuant(Scanner& s) {
  auto quant = std::make_shared<Quant>();
  do {
    const std::string_view key = s.Identifier();
    RETURN_IF_ERROR(s.Expect("="));
    if (key == "axis") {
      TRY(const int64_t axis, s.Int());
      if (axis < -1 || axis > 1000) return s.Error("axis out of range");
      quant->axis = static_cast<int>(axis);
    } else if (key == "block") {
      TRY(quant->block, s.Int());
    } else if (key == "scales" || key == "zeros") {
      RETURN_IF_ERROR(s.Expect("["));
      while (!s.Accept("]")) {
        if (key == "scales") {
          TRY(quant->scales.emplace_back(), s.Double());
        } else {
          TRY(quant->zero_points.emplace_back(), s.Int());
        }
        if (s.Peek() != ']') RETURN_IF_ERROR(s.Expect(","));
      }
    } else {
      return s.Error("scales, zeros, axis or block expected");
    }
  } while (s.Accept(","));
  RETURN_IF_ERROR(s.Expect("}"));
  return std::shared_ptr<const Quant>(std::move(quant));
}

Result<Type> ScanTensor(Scanner& s, DType dtype) {
  TensorType t(dtype);
  RETURN_IF_ERROR(s.Expect("["));
  if (s.Accept("*")) {
    RETURN_IF_ERROR(s.Expect("]"));
  } else {
    t.ranked = true;
    while (!s.Accept("]")) {
      TRY(t.shape.emplace_back(), ScanDim(s));
      if (s.Peek() != ']') RETURN_IF_ERROR(s.Expect(","));
    }
  }
  if (s.Accept("{")) {
    TRY(t.quant, ScanQuant(s));
  }
  return Type(std::move(t));
}

Result<Type> ScanNested(Scanner& s, int depth) {
  if (depth > kMaxNesting) return s.Error("types are nested too deeply");
  if (s.Accept("?")) return s.Peek() == '[' ? ScanTensor(s, DType::kNone) : Result<Type>(Type());
  const size_t at = s.position();
  const std::string_view word = s.Identifier();
  if (word == "resource") return Type::Resource();
  if (word == "seq" || word == "opt") {
    RETURN_IF_ERROR(s.Expect("("));
    TRY(Type element, ScanNested(s, depth + 1));
    RETURN_IF_ERROR(s.Expect(")"));
    return word == "seq" ? Type::Sequence(std::move(element)) : Type::Optional(std::move(element));
  }
  if (word == "map") {
    RETURN_IF_ERROR(s.Expect("("));
    const DType key = DTypeFromName(s.Identifier());
    if (key == DType::kNone) return s.Error("key type expected");
    RETURN_IF_ERROR(s.Expect(","));
    TRY(Type value, ScanNested(s, depth + 1));
    RETURN_IF_ERROR(s.Expect(")"));
    return Type::Map(key, std::move(value));
  }
  const DType dtype = DTypeFromName(word);
  if (dtype == DType::kNone) return s.ErrorAt(at, "type expected");
  return ScanTensor(s, dtype);
}

std::optional<TensorType> MeetTensors(const TensorType& a, const TensorType& b) {
  TensorType out = a.ranked ? a : b;
  if (a.dtype != DType::kNone && b.dtype != DType::kNone && a.dtype != b.dtype) return std::nullopt;
  out.dtype = a.dtype != DType::kNone ? a.dtype : b.dtype;
  if (a.quant != nullptr && b.quant != nullptr && !SameQuant(a.quant.get(), b.quant.get())) return std::nullopt;
  out.quant = a.quant != nullptr ? a.quant : b.quant;
  if (!a.ranked || !b.ranked) return out;
  if (a.rank() != b.rank()) return std::nullopt;
  for (size_t i = 0; i < a.shape.size(); ++i) {
    const Dim& other = b.shape[i];
    if (!other.is_static()) continue;
    if (a.shape[i].is_static() && a.shape[i].value() != other.value()) return std::nullopt;
    out.shape[i] = other;
  }
  return out;
}

TensorType JoinTensors(const TensorType& a, const TensorType& b, std::string_view hint) {
  TensorType out;
  if (a.dtype == b.dtype) out.dtype = a.dtype;
  if (SameQuant(a.quant.get(), b.quant.get())) out.quant = a.quant;
  if (!a.ranked || !b.ranked || a.rank() != b.rank()) return out;
  out.ranked = true;
  for (size_t i = 0; i < a.shape.size(); ++i) {
    const bool same = a.shape[i] == b.shape[i];
    out.shape.push_back(same ? a.shape[i] : Dim::Symbol(Concat(hint, "_", std::to_string(i))));
  }
  return out;
}

}  // namespace

bool operator==(const TensorType& a, const TensorType& b) {
  return a.dtype == b.dtype && a.ranked == b.ranked && a.shape == b.shape && SameQuant(a.quant.get(), b.quant.get());
}

Type Type::Of(Kind kind, Type element) {
  Type t;
  t.kind_ = kind;
  t.element_ = std::make_shared<const Type>(std::move(element));
  return t;
}

Type Type::Map(DType key, Type value) {
  Type t = Of(Kind::kMap, std::move(value));
  t.key_ = key;
  return t;
}

Type Type::Resource() {
  Type t;
  t.kind_ = Kind::kResource;
  return t;
}

const Type& Type::element() const {
  static const Type kUnknown;
  return element_ ? *element_ : kUnknown;
}

std::string Type::ToString() const {
  switch (kind_) {
    case Kind::kUnknown: return "?";
    case Kind::kTensor: return TensorText(tensor_);
    case Kind::kSequence: return Concat("seq(", element().ToString(), ")");
    case Kind::kOptional: return Concat("opt(", element().ToString(), ")");
    case Kind::kMap: return Concat("map(", Name(key_), ",", element().ToString(), ")");
    case Kind::kResource: return "resource";
  }
  return "?";
}

Result<Type> ScanType(Scanner& scanner) { return ScanNested(scanner, 0); }

Result<Type> Type::Parse(std::string_view text) {
  Scanner scanner(text);
  TRY(Type type, ScanType(scanner));
  if (!scanner.AtEnd()) return scanner.Error("end of the type expected");
  return type;
}

bool operator==(const Type& a, const Type& b) {
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case Type::Kind::kUnknown:
    case Type::Kind::kResource: return true;
    case Type::Kind::kTensor: return a.tensor_ == b.tensor_;
    case Type::Kind::kSequence:
    case Type::Kind::kOptional: return a.element() == b.element();
    case Type::Kind::kMap: return a.key_ == b.key_ && a.element() == b.element();
  }
  return false;
}

std::optional<Type> Meet(const Type& a, const Type& b) {
  if (a.is_unknown()) return b;
  if (b.is_unknown()) return a;
  if (a.kind() != b.kind() || a.key() != b.key()) return std::nullopt;
  if (a.kind() == Type::Kind::kResource) return a;
  if (a.is_tensor()) {
    std::optional<TensorType> t = MeetTensors(a.tensor(), b.tensor());
    if (!t) return std::nullopt;
    return Type(*std::move(t));
  }
  std::optional<Type> element = Meet(a.element(), b.element());
  if (!element) return std::nullopt;
  if (a.kind() == Type::Kind::kMap) return Type::Map(a.key(), *std::move(element));
  return a.kind() == Type::Kind::kSequence ? Type::Sequence(*std::move(element)) : Type::Optional(*std::move(element));
}

Type Join(const Type& a, const Type& b, std::string_view hint) {
  if (a.kind() != b.kind() || a.key() != b.key() || a.is_unknown()) return {};
  switch (a.kind()) {
    case Type::Kind::kTensor: return Type(JoinTensors(a.tensor(), b.tensor(), hint));
    case Type::Kind::kSequence: return Type::Sequence(Join(a.element(), b.element(), hint));
    case Type::Kind::kOptional: return Type::Optional(Join(a.element(), b.element(), hint));
    case Type::Kind::kMap: return Type::Map(a.key(), Join(a.element(), b.element(), hint));
    default: return a;
  }
}

}  // namespace godwit
