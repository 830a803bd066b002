#include <array>

#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/checker.h"

namespace godwit::tflite {

namespace {

// Custom operators whose options are a program for a chip.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kCompiled = {{
    {"edgetpu-custom-op", "an Edge TPU"},
    {"ethos-u", "an Ethos-U"},
    {"DISPATCH_OP", "an accelerator of LiteRT"},
}};

}  // namespace

std::vector<int64_t> SubGraphsOf(const Model& model, const Operator& op) {
  std::vector<int64_t> out;
  const Options options = model.OptionsFor(op);
  if (options.table() == nullptr) return out;
  for (const FieldDef& field : options.table()->fields) {
    const bool one = field.name.ends_with("subgraph_index") || field.name == "subgraph";
    const bool many = field.name == "branch_subgraph_indices" || field.name == "called_computations";
    if (one) out.push_back(options.Int(field.name));
    if (many) {
      const std::vector<int64_t> all = options.Ints(field.name);
      out.insert(out.end(), all.begin(), all.end());
    }
  }
  return out;
}

void Checker::CheckOperator(const SubGraph& graph, const Operator& op, const std::string& at) {
  if (op.opcode_index >= model_.operator_codes.size()) {
    return Fail(diag::kTfliteIndex, at,
                Concat("operator code ", std::to_string(op.opcode_index), " of ",
                       std::to_string(model_.operator_codes.size())));
  }
  const OperatorCode& code = model_.CodeOf(op);
  if (code.code == BuiltinOperator::kCustom) {
    if (code.custom_code.empty()) return Fail(diag::kTfliteCustomName, at, "a custom operator without a name");
    for (const auto& [name, chip] : kCompiled) {
      if (code.custom_code != name) continue;
      Diag diag(diag::kTfliteCompiled, Concat("operator '", name, "' is a program for ", chip));
      diag.op_type = name;
      diag.hint = "take the .tflite file that was given to the compiler of the accelerator";
      problems_->Add(std::move(diag).At(at));
      return;
    }
  }
  if (!CheckIndices(graph, op, at)) return;
  for (const int64_t g : SubGraphsOf(model_, op)) {
    if (g >= 0 && g < static_cast<int64_t>(model_.subgraphs.size())) continue;
    return FailOperator(diag::kTfliteIndex, op, at,
                        Concat("it runs graph ", std::to_string(g), " of ", std::to_string(model_.subgraphs.size())));
  }
  CheckOptions(graph, op, at);
}

bool Checker::CheckIndices(const SubGraph& graph, const Operator& op, const std::string& at) {
  struct List {
    std::span<const int32_t> indices;
    const char* name;
    int64_t least;  // -1 where one may be absent
  };
  const auto count = static_cast<int64_t>(graph.tensors.size());
  for (const List& list :
       {List{op.inputs, ".inputs", -1}, List{op.outputs, ".outputs", 0}, List{op.intermediates, ".intermediates", 0}}) {
    for (const int32_t k : list.indices) {
      if (k >= list.least && k < count) continue;
      FailOperator(diag::kTfliteIndex, op, at + list.name,
                   Concat("tensor ", std::to_string(k), " of ", std::to_string(count)));
      return false;
    }
  }
  return true;
}

}  // namespace godwit::tflite
