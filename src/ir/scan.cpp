#include "ir/scan.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace godwit {

namespace {

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordChar(char c) { return IsLetter(c) || IsDigit(c) || c == '.'; }

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

bool IsIdentifier(std::string_view text) {
  return !text.empty() && IsLetter(text[0]) && std::all_of(text.begin(), text.end(), IsWordChar);
}

std::string QuoteText(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const bool escape_high = !IsValidUtf8(text);
  std::string out = "\"";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && escape_high)) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out += '"';
}

std::string NameText(std::string_view text) { return IsIdentifier(text) ? std::string(text) : QuoteText(text); }

void Scanner::SkipBlanks() {
  while (pos_ < text_.size()) {
    const char c = text_[pos_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++pos_;
    } else if (c == '#') {
      while (pos_ < text_.size() && text_[pos_] != '\n') ++pos_;
    } else {
      return;
    }
  }
}

bool Scanner::AtEnd() {
  SkipBlanks();
  return pos_ >= text_.size();
}

char Scanner::Peek() {
  SkipBlanks();
  return pos_ < text_.size() ? text_[pos_] : '\0';
}

bool Scanner::Accept(std::string_view token) {
  SkipBlanks();
  if (text_.substr(pos_, token.size()) != token) return false;
  pos_ += token.size();
  return true;
}

bool Scanner::AcceptWord(std::string_view word) {
  SkipBlanks();
  const size_t end = pos_ + word.size();
  if (text_.substr(pos_, word.size()) != word || (end < text_.size() && IsWordChar(text_[end]))) return false;
  pos_ = end;
  return true;
}

Status Scanner::Expect(std::string_view token) {
  if (Accept(token)) return Ok{};
  return Error(Concat("'", token, "' expected"));
}

std::string_view Scanner::Identifier() {
  SkipBlanks();
  if (pos_ >= text_.size() || !IsLetter(text_[pos_])) return {};
  return Word();
}

std::string_view Scanner::Word() {
  SkipBlanks();
  const size_t begin = pos_;
  while (pos_ < text_.size() && IsWordChar(text_[pos_])) ++pos_;
  return text_.substr(begin, pos_ - begin);
}

Result<std::string> Scanner::Quoted() {
  RETURN_IF_ERROR(Expect("\""));
  std::string out;
  while (pos_ < text_.size() && text_[pos_] != '"') {
    char c = text_[pos_++];
    if (c != '\\') {
      out += c;
      continue;
    }
    if (pos_ >= text_.size()) break;
    c = text_[pos_++];
    switch (c) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'r': out += '\r'; break;
      case '"':
      case '\\': out += c; break;
      case 'x': {
        const int high = pos_ < text_.size() ? HexValue(text_[pos_]) : -1;
        const int low = pos_ + 1 < text_.size() ? HexValue(text_[pos_ + 1]) : -1;
        if (high < 0 || low < 0) return Error("two hex digits expected after \\x");
        out += static_cast<char>(high * 16 + low);
        pos_ += 2;
        break;
      }
      default: return Error("unknown escape in quoted text");
    }
  }
  RETURN_IF_ERROR(Expect("\""));
  return out;
}

Result<std::string> Scanner::Name() {
  if (AtQuote()) return Quoted();
  const std::string_view name = Identifier();
  if (name.empty()) return Error("name expected");
  return std::string(name);
}

Result<int64_t> Scanner::Int() {
  SkipBlanks();
  const size_t begin = pos_;
  size_t end = pos_;
  if (end < text_.size() && (text_[end] == '-' || text_[end] == '+')) ++end;
  while (end < text_.size() && IsDigit(text_[end])) ++end;
  int64_t value = 0;
  if (!ParseInt(text_.substr(begin, end - begin), &value)) return Error("64-bit integer expected");
  pos_ = end;
  return value;
}

Result<uint64_t> Scanner::Unsigned() {
  SkipBlanks();
  uint64_t value = 0;
  const char* begin = text_.data() + pos_;
  const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
  if (error != std::errc()) return Error("unsigned 64-bit integer expected");
  pos_ += static_cast<size_t>(end - begin);
  return value;
}

Result<double> Scanner::Double() {
  SkipBlanks();
  const size_t begin = pos_;
  size_t end = pos_;
  while (end < text_.size() && (IsWordChar(text_[end]) || text_[end] == '-' || text_[end] == '+')) ++end;
  double value = 0;
  if (!ParseDouble(text_.substr(begin, end - begin), &value)) return Error("number expected");
  pos_ = end;
  return value;
}

Diag Scanner::ErrorAt(size_t position, std::string_view what) const {
  Scanner token = *this;
  token.pos_ = std::min(position, text_.size());
  token.SkipBlanks();
  position = token.pos_;
  const std::string_view before = text_.substr(0, position);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const size_t line_start = before.rfind('\n');
  const size_t column = line_start == std::string_view::npos ? position + 1 : position - line_start;
  const std::string_view rest = text_.substr(position, 24);
  std::string near = rest.empty() ? std::string("the end") : Concat("'", Printable(rest), "'");
  const std::string place = Concat(std::to_string(line), ":", std::to_string(column));
  return Diag(diag::kIrParse, Concat(what, " at ", near, ", line:column ", place)).At(place);
}

}  // namespace godwit
