#include "tools/table.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace godwit::tools {

namespace {

// Columns as a terminal shows them: bytes that continue a UTF-8 character take none.
size_t Width(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string Cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    if (c == '<') {
      out += "&lt;";
    } else {
      out += c == '\n' ? ' ' : c;
    }
  }
  return out;
}

}  // namespace

Table::Table(std::vector<std::string> titles) : titles_(std::move(titles)) {
  for (std::string& title : titles_) {
    right_.push_back(title.starts_with('>'));
    if (right_.back()) title.erase(0, 1);
  }
}

std::string Table::Text() const {
  std::vector<size_t> widths;
  for (const std::string& title : titles_) widths.push_back(Width(title));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = " ";
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string pad(widths[i] - Width(cells[i]), ' ');
      text += Concat(i == 0 ? " " : "  ", right_[i] ? pad : "", cells[i], right_[i] ? "" : pad);
    }
    while (text.ends_with(' ')) text.pop_back();
    out += text + "\n";
  };
  line(titles_);
  for (const auto& row : rows_) line(row);
  return out;
}

std::string Table::Markdown() const {
  std::string out = "|", rule = "|";
  for (size_t i = 0; i < titles_.size(); ++i) {
    out += Concat(" ", titles_[i], " |");
    rule += right_[i] ? "--:|" : "---|";
  }
  out += Concat("\n", rule, "\n");
  for (const auto& row : rows_) {
    out += "|";
    for (const std::string& cell : row) out += Concat(" ", Cell(cell), " |");
    out += "\n";
  }
  return out;
}

std::string JsonNumber(double value) { return std::isfinite(value) ? ShortestDouble(value) : "null"; }

std::string JsonDims(const std::vector<int64_t>& dims) {
  std::string out = "[";
  for (size_t i = 0; i < dims.size(); ++i) out += Concat(i == 0 ? "" : ",", std::to_string(dims[i]));
  return out + "]";
}

JsonRows& JsonRows::Row() {
  text_ += !open_ ? "{" : "},{";
  fields_ = 0;
  open_ = true;
  return *this;
}

JsonRows& JsonRows::Field(std::string_view key, std::string_view value) { return Raw(key, JsonQuote(value)); }

JsonRows& JsonRows::Raw(std::string_view key, std::string_view json) {
  text_ += Concat(fields_++ == 0 ? "" : ",", JsonQuote(key), ":", json);
  return *this;
}

std::string JsonRows::Take() const { return text_ + (open_ ? "}]\n" : "]\n"); }

}  // namespace godwit::tools
