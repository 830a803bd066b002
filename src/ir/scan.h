// The lexical ground of the text form, shared by dims, types and graphs: names, quoted text, numbers, positions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace godwit {

/// [A-Za-z_][A-Za-z0-9_.]*
bool IsIdentifier(std::string_view text);
/// "..." with \" \\ \n \t \r and \xNN; text that is not valid UTF-8 has all its high bytes escaped, so any bytes
/// survive.
std::string QuoteText(std::string_view text);
/// The text itself when it is an identifier, else quoted.
std::string NameText(std::string_view text);

/// Reads tokens off a text. Blanks and `#` comments between tokens are skipped. Nothing is read past the end.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  [[nodiscard]] bool AtEnd();
  /// The next character after blanks, 0 at the end.
  char Peek();
  /// Consumes `token` if it comes next.
  bool Accept(std::string_view token);
  /// Consumes `word` if it comes next as a whole identifier.
  bool AcceptWord(std::string_view word);
  Status Expect(std::string_view token);
  /// An identifier; empty when none comes next.
  std::string_view Identifier();
  [[nodiscard]] bool AtQuote() { return Peek() == '"'; }
  Result<std::string> Quoted();
  /// An identifier or a quoted text.
  Result<std::string> Name();
  Result<int64_t> Int();
  Result<uint64_t> Unsigned();
  /// Decimal, "nan", "inf", "-inf".
  Result<double> Double();
  /// Digits and letters up to the next other character.
  std::string_view Word();

  [[nodiscard]] size_t position() const { return pos_; }
  void Rewind(size_t position) { pos_ = position; }
  [[nodiscard]] std::string_view text() const { return text_; }
  /// ir.parse at the current place.
  [[nodiscard]] Diag Error(std::string_view what) const { return ErrorAt(pos_, what); }
  [[nodiscard]] Diag ErrorAt(size_t position, std::string_view what) const;

 private:
  void SkipBlanks();
  std::string_view text_;
  size_t pos_ = 0;
};

}  // namespace godwit
