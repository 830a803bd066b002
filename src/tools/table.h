// Text for people and for programs: columns that line up, Markdown tables, numbers in JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace godwit::tools {

class Table {
 public:
  /// A title that starts with '>' makes a column of numbers, set flush right.
  explicit Table(std::vector<std::string> titles);
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] bool empty() const { return rows_.empty(); }

  /// Each line indented by two, the last column not padded.
  [[nodiscard]] std::string Text() const;
  [[nodiscard]] std::string Markdown() const;

 private:
  std::vector<std::string> titles_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

/// "null" for what JSON has no number for.
std::string JsonNumber(double value);
/// "[1,3,224,224]"
std::string JsonDims(const std::vector<int64_t>& dims);

/// A JSON array of objects, each given as its fields.
class JsonRows {
 public:
  JsonRows& Row();
  JsonRows& Field(std::string_view key, std::string_view value);
  JsonRows& Raw(std::string_view key, std::string_view json);
  [[nodiscard]] std::string Take() const;

 private:
  std::string text_ = "[";
  int fields_ = 0;
  bool open_ = false;
};

}  // namespace godwit::tools
