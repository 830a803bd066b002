#include "base/toml.h"

#include <cmath>
#include <set>

#include "base/diag.h"
#include "base/text.h"

namespace godwit {

namespace {

constexpr int kDeepest = 8;  // lists in lists

bool IsBare(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
  }

  Result<std::vector<TomlEntry>> Run() {
    std::vector<TomlEntry> out;
    std::set<std::string> seen;
    std::string section;
    for (SkipLines(); !Done(); SkipLines()) {
      if (Peek() == '[') {
        ++at_;
        if (Peek() == '[') return Wrong("tables in lists are not read");
        TRY(section, Key());
        if (!Take(']')) return Wrong("a section's name does not end with ']'");
      } else {
        TomlEntry entry;
        entry.line = line_;
        entry.section = section;
        TRY(entry.key, Key());
        if (!Take('=')) return Wrong(Concat("'", Printable(entry.key, 100), "' has no value"));
        TRY(entry.value, Value(0));
        if (!seen.insert(Concat(section, "\n", entry.key)).second) {
          return Wrong(Concat("'", Printable(entry.key, 100), "' is set twice"));
        }
        out.push_back(std::move(entry));
      }
      SkipBlanks();
      if (!Done() && Peek() != '\n' && Peek() != '#' && Peek() != '\r') return Wrong("something follows on the line");
    }
    return out;
  }

 private:
  [[nodiscard]] bool Done() const { return at_ >= text_.size(); }
  [[nodiscard]] char Peek() const { return Done() ? '\0' : text_[at_]; }
  Diag Wrong(std::string_view why) const {
    return Diag(diag::kUsage, Concat("line ", std::to_string(line_), ": ", why))
        .At(Concat("line ", std::to_string(line_)));
  }
  void SkipBlanks() {
    while (!Done() && (Peek() == ' ' || Peek() == '\t')) ++at_;
  }
  // Blanks, comments and line ends.
  void SkipLines() {
    while (!Done()) {
      SkipBlanks();
      if (Peek() == '#') {
        while (!Done() && Peek() != '\n') ++at_;
      } else if (Peek() == '\n') {
        ++line_;
        ++at_;
      } else if (Peek() == '\r') {
        ++at_;
      } else {
        return;
      }
    }
  }
  bool Take(char c) {
    SkipBlanks();
    if (Peek() != c || Done()) return false;
    ++at_;
    SkipBlanks();
    return true;
  }

  // "a", "a.b", "\"quoted name\"".
  Result<std::string> Key() {
    std::string out;
    do {
      SkipBlanks();
      if (!out.empty()) out += '.';
      if (Peek() == '"' || Peek() == '\'') {
        TRY(const std::string part, Quoted());
        out += part;
      } else {
        const size_t from = at_;
        while (!Done() && IsBare(Peek())) ++at_;
        if (at_ == from) return Wrong("a name is missing");
        out += text_.substr(from, at_ - from);
      }
      SkipBlanks();
    } while (Take('.'));
    return out;
  }

  Result<std::string> Quoted() {
    const char quote = Peek();
    ++at_;
    if (Peek() == quote && at_ + 1 < text_.size() && text_[at_ + 1] == quote) return Wrong("long texts are not read");
    std::string out;
    while (!Done() && Peek() != quote) {
      char c = Peek();
      if (c == '\n') return Wrong("a text does not end on its line");
      ++at_;
      if (c == '\\' && quote == '"') {
        const char next = Peek();
        ++at_;
        switch (next) {
          case 'n': c = '\n'; break;
          case 't': c = '\t'; break;
          case 'r': c = '\r'; break;
          case '"':
          case '\\': c = next; break;
          default: return Wrong("an escape in a text is none of \\n \\t \\r \\\" \\\\");
        }
      }
      out += c;
    }
    if (Done()) return Wrong("a text does not end");
    ++at_;
    return out;
  }

  Result<TomlValue> Value(int depth) {
    TomlValue out;
    SkipBlanks();
    if (Peek() == '"' || Peek() == '\'') {
      TRY(out.text, Quoted());
      return out;
    }
    if (Peek() == '[') return List(depth);
    const size_t from = at_;
    while (!Done() && (IsBare(Peek()) || Peek() == '+' || Peek() == '.')) ++at_;
    std::string word;
    for (const char c : text_.substr(from, at_ - from)) {
      if (c != '_') word += c;
    }
    if (word == "true" || word == "false") {
      out.kind = TomlValue::Kind::kFlag;
      out.flag = word == "true";
    } else if (ParseInt(word, &out.integer)) {
      out.kind = TomlValue::Kind::kInt;
      out.number = static_cast<double>(out.integer);
    } else if (ParseDouble(word, &out.number) && std::isfinite(out.number)) {
      out.kind = TomlValue::Kind::kNumber;
    } else {
      return Wrong(Concat("'", Printable(word, 60), "' is no value; texts stand in quotes"));
    }
    return out;
  }

  Result<TomlValue> List(int depth) {
    if (depth >= kDeepest) return Wrong("lists are nested too deep");
    TomlValue out;
    out.kind = TomlValue::Kind::kList;
    ++at_;
    for (SkipLines(); Peek() != ']'; SkipLines()) {
      if (Done()) return Wrong("a list does not end");
      TRY(TomlValue item, Value(depth + 1));
      out.items.push_back(std::move(item));
      SkipLines();
      if (Peek() == ',') {
        ++at_;
      } else if (Peek() != ']') {
        return Wrong("a list goes on without a comma");
      }
    }
    ++at_;
    return out;
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

Result<std::vector<TomlEntry>> ParseToml(std::string_view text) { return Parser(text).Run(); }

std::string TomlQuote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    switch (c) {
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      default: out += c;
    }
  }
  return out + "\"";
}

}  // namespace godwit
