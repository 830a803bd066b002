#include "formats/npy/npy_header.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace godwit::npy {

namespace {

constexpr size_t kMaxRank = 64;

// Reads just the literals that NumPy writes: quoted texts, True and False, tuples of numbers.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  bool Take(char c) {
    SkipSpace();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Word(std::string_view word) {
    SkipSpace();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool Quoted(std::string_view* out) {
    SkipSpace();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return false;
    const size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) return false;
    *out = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return true;
  }
  bool Number(int64_t* out) {
    SkipSpace();
    const size_t end = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    if (!ParseInt(rest_.substr(0, end), out)) return false;
    rest_.remove_prefix(end);
    if (rest_.starts_with('L')) rest_.remove_prefix(1);  // Python 2 wrote its long numbers so
    return true;
  }
  bool Tuple(std::vector<int64_t>* out) {
    if (!Take('(')) return false;
    while (!Take(')')) {
      int64_t v = 0;
      if (out->size() == kMaxRank || !Number(&v)) return false;
      out->push_back(v);
      if (!Take(',')) return Take(')');
    }
    return true;
  }
  bool AtEnd() {
    SkipSpace();
    return rest_.empty();
  }

 private:
  void SkipSpace() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\n"), rest_.size())); }
  std::string_view rest_;
};

Diag BadHeader(std::string_view what) { return Diag(diag::kNpyHeader, Concat("the header of the array ", what)); }

bool KnownType(NpyType t) {
  const auto one_of = [&](std::initializer_list<int64_t> sizes) {
    return std::find(sizes.begin(), sizes.end(), t.bytes) != sizes.end();
  };
  switch (t.kind) {
    case 'b': return one_of({1});
    case 'i':
    case 'u': return one_of({1, 2, 4, 8});
    case 'f': return one_of({2, 4, 8});
    case 'c': return one_of({8, 16});
    case 'V': return one_of({1, 2});
    case 'U': return t.bytes % 4 == 0;
    case 'S': return true;
    default: return false;
  }
}

Status ParseDescr(std::string_view descr, Header* out) {
  const std::string_view whole = descr;
  const Diag unknown = Diag(diag::kNpyDtype, Concat("an array of type '", Printable(whole, 64), "' is not read"));
  if (descr.empty()) return unknown;
  if (descr.find('O') != std::string_view::npos) {
    return Diag(diag::kNpyObject, "the array holds Python objects, that is a pickle, which could run code");
  }
  const char order = descr[0];
  if (order == '<' || order == '>' || order == '|' || order == '=') descr.remove_prefix(1);
  if (descr.empty()) return unknown;
  out->type.kind = descr[0];
  int64_t size = 0;
  if (!ParseInt(descr.substr(1), &size) || size < 0 || size > (int64_t{1} << 32)) return unknown;
  out->type.bytes = out->type.kind == 'U' ? 4 * size : size;
  if (!KnownType(out->type)) return unknown;
  out->big_endian = order == '>';
  return Ok{};
}

}  // namespace

Result<Header> ParseHeader(std::string_view text) {
  Header out;
  Cursor in(text);
  bool descr = false, order = false, shape = false;
  if (!in.Take('{')) return BadHeader("is not a dict");
  while (!in.Take('}')) {
    std::string_view key;
    if (!in.Quoted(&key) || !in.Take(':')) return BadHeader("does not parse");
    if (key == "descr" && !descr) {
      std::string_view value;
      descr = true;
      if (!in.Quoted(&value)) return Diag(diag::kNpyDtype, "an array of records is not read");
      RETURN_IF_ERROR(ParseDescr(value, &out));
    } else if (key == "fortran_order" && !order) {
      order = true;
      out.fortran_order = in.Word("True");
      if (!out.fortran_order && !in.Word("False")) return BadHeader("gives no order");
    } else if (key == "shape" && !shape) {
      shape = true;
      if (!in.Tuple(&out.shape)) return BadHeader("gives no shape");
    } else {
      return BadHeader(Concat("has an unexpected entry '", Printable(key, 64), "'"));
    }
    in.Take(',');
  }
  if (!in.AtEnd()) return BadHeader("goes on after its end");
  if (!descr || !order || !shape) return BadHeader("lacks descr, fortran_order or shape");
  return out;
}

std::string MakeHeader(NpyType type, std::span<const int64_t> shape) {
  std::string dims;
  for (size_t i = 0; i < shape.size(); ++i) dims += Concat(i ? ", " : "", std::to_string(shape[i]));
  if (shape.size() == 1) dims += ",";
  std::string text = Concat("{'descr': '", NpyDescr(type), "', 'fortran_order': False, 'shape': (", dims, "), }");
  // NumPy leaves room for the first dimension to grow to 21 digits in place.
  if (!shape.empty()) text.append(21 - std::to_string(shape[0]).size(), ' ');
  constexpr size_t kPrefix = 10, kAlign = 64;
  // A header of more than 65535 bytes would need version 2: 64 dimensions are far from it.
  text.append(kAlign - (kPrefix + text.size() + 1) % kAlign, ' ');
  text += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out.push_back(static_cast<char>(text.size() & 0xFF));
  out.push_back(static_cast<char>(text.size() >> 8));
  return out + text;
}

}  // namespace godwit::npy
