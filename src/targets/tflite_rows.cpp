#include "targets/tflite_rows.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/text.h"

namespace godwit::targets {

namespace {

constexpr TfliteRow kRows[] = {
#define GODWIT_TFLITE(op, version, since, types, limits, evidence) {op, version, since, types, limits, evidence},
#include "targets/tflite_operators.def"
#undef GODWIT_TFLITE
};

constexpr TfliteDelegateRow kDelegateRows[] = {
#define GODWIT_TFLITE_DELEGATE(delegate, op, types, limits) {TfliteDelegate::delegate, {op, 0, 0, types, limits, {}}},
#include "targets/tflite_delegates.def"
#undef GODWIT_TFLITE_DELEGATE
};

std::vector<std::string_view> Words(std::string_view text, char between) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find(between), text.size());
    if (end > 0) out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

TypeSet SetOf(std::string_view names) {
  if (names == "any") return kAnyType;
  TypeSet out;
  for (const std::string_view name : Words(names, '|')) out = out | DTypeFromName(name);
  return out;
}

ParsedRow ParseRow(const TfliteRow& row) {
  ParsedRow out{&row, {}, {}, {}};
  const size_t colon = std::min(row.types.find(':'), row.types.size());
  std::array<TypeSet, 26> variables;
  if (colon < row.types.size()) {
    const std::string_view choice = Trim(row.types.substr(colon + 1));
    if (choice.find('=') == std::string_view::npos) {
      variables.fill(SetOf(choice));
    } else {
      for (const std::string_view part : Words(choice, ',')) {
        const std::string_view one = Trim(part);
        variables[static_cast<size_t>(one[0] - 'A')] = SetOf(one.substr(2));
      }
    }
  }
  std::vector<Formal>* side = &out.in;
  for (std::string_view word : Words(row.types.substr(0, colon), ' ')) {
    if (word == ">") {
      side = &out.out;
      continue;
    }
    Formal formal;
    if (word.ends_with('?')) formal.optional = true;
    if (word.ends_with('*')) formal.many = true;
    if (formal.optional || formal.many) word.remove_suffix(1);
    if (word.size() == 1 && word[0] >= 'A' && word[0] <= 'Z') {
      formal.variable = word[0];
      formal.types = variables[static_cast<size_t>(word[0] - 'A')];
    } else {
      formal.types = SetOf(word);
    }
    side->push_back(formal);
  }
  for (const std::string_view limit : Words(row.limits, ' ')) out.limits.push_back(ParseLimit(limit));
  return out;
}

using RowsByOp = std::unordered_map<std::string_view, std::vector<ParsedRow>>;

const std::vector<ParsedRow>& Find(const RowsByOp& rows, std::string_view op) {
  static const std::vector<ParsedRow> kNone;
  const auto it = rows.find(op);
  return it == rows.end() ? kNone : it->second;
}

}  // namespace

std::span<const TfliteRow> AllTfliteRows() { return kRows; }
std::span<const TfliteDelegateRow> AllTfliteDelegateRows() { return kDelegateRows; }

Limit ParseLimit(std::string_view text) {
  static constexpr std::pair<std::string_view, Limit::Test> kTests[] = {{"<=", Limit::Test::kAtMost},
                                                                        {">=", Limit::Test::kAtLeast},
                                                                        {"!=", Limit::Test::kUnequal},
                                                                        {"=", Limit::Test::kEqual}};
  Limit out;
  out.text = text;
  for (const auto& [sign, test] : kTests) {
    const size_t at = text.find(sign);
    if (at == std::string_view::npos) continue;
    out.name = text.substr(0, at);
    out.test = test;
    const std::string_view right = text.substr(at + sign.size());
    if (double number = 0; ParseDouble(right, &number)) {
      out.number = number;
    } else {
      out.other = right;
    }
    break;
  }
  return out;
}

const std::vector<ParsedRow>& RowsOf(std::string_view op) {
  static const RowsByOp index = [] {
    RowsByOp rows;
    for (const TfliteRow& row : kRows) rows[row.op].push_back(ParseRow(row));
    for (auto& [name, list] : rows) {
      std::stable_sort(list.begin(), list.end(),
                       [](const ParsedRow& a, const ParsedRow& b) { return a.row->version < b.row->version; });
    }
    return rows;
  }();
  return Find(index, op);
}

const std::vector<ParsedRow>& RowsOf(TfliteDelegate delegate, std::string_view op) {
  static const std::array<RowsByOp, 2> index = [] {
    std::array<RowsByOp, 2> rows;
    for (const TfliteDelegateRow& row : kDelegateRows) {
      rows[static_cast<size_t>(row.delegate)][row.row.op].push_back(ParseRow(row.row));
    }
    return rows;
  }();
  return Find(index[static_cast<size_t>(delegate)], op);
}

}  // namespace godwit::targets
