#include <cmath>

#include "base/diag_tflite.h"
#include "base/text.h"
#include "formats/tflite/checker.h"

namespace godwit::tflite {

namespace {

// Options that are counts or steps: the least they can be, in whichever table they occur.
struct Least {
  std::string_view field;
  int64_t value;
};
constexpr Least kLeast[] = {
    {"stride_w", 1},
    {"stride_h", 1},
    {"stride_d", 1},
    {"dilation_w_factor", 1},
    {"dilation_h_factor", 1},
    {"dilation_d_factor", 1},
    {"filter_width", 1},
    {"filter_height", 1},
    {"depth_multiplier", 1},
    {"block_size", 1},
    {"num_splits", 1},
    {"values_count", 1},
    {"num", 0},
    {"radius", 0},
    {"ngram_size", 1},
    {"rank", 1},
    {"num_channels", 1},
    {"num_bits", 2},
};

bool HasFilter(BuiltinOperator op) {
  return op == BuiltinOperator::kConv2d || op == BuiltinOperator::kDepthwiseConv2d || op == BuiltinOperator::kConv3d ||
         op == BuiltinOperator::kTransposeConv || op == BuiltinOperator::kConv3dTranspose;
}

// What the number of operands has to be where an option says it; nothing where none does.
struct Counted {
  std::string_view field;
  size_t have = 0;
};
Counted CountOf(BuiltinOperator code, const Operator& op) {
  switch (code) {
    case BuiltinOperator::kSplit:
    case BuiltinOperator::kSplitV: return {"num_splits", op.outputs.size()};
    case BuiltinOperator::kUnpack: return {"num", op.outputs.size()};
    case BuiltinOperator::kPack: return {"values_count", op.inputs.size()};
    default: return {};
  }
}

}  // namespace

void Checker::CheckOptions(const SubGraph& graph, const Operator& op, const std::string& at) {
  const BuiltinOperator code = model_.CodeOf(op).code;
  const auto fail = [&](std::string what) { FailOperator(diag::kTfliteOptionsValue, op, at, std::move(what)); };
  const TableDef* own = OptionsOf(code);
  if (own == nullptr || own->fields.empty()) return;
  if (op.options.stored() && op.options.table() != own) {
    return FailOperator(diag::kTfliteOptionsTable, op, at,
                        Concat("the options are ", op.options.name(), " instead of ", own->name));
  }
  const Options options = model_.OptionsFor(op);
  for (const FieldDef& field : own->fields) {
    if (field.type == FieldType::kFloat32) {
      if (std::isnan(options.Float(field.name))) return fail(Concat(field.name, " is not a number"));
      continue;
    }
    if (ScalarBytes(field.type) == 0) continue;
    const int64_t value = options.Int(field.name);
    if (!field.of.empty() && EnumText(field.of, value).empty()) {
      return fail(Concat(field.name, " is ", std::to_string(value), ", which no ", field.of, " is"));
    }
    for (const Least& least : kLeast) {
      if (field.name != least.field || value >= least.value) continue;
      return fail(
          Concat(field.name, " is ", std::to_string(value), ", but has to be at least ", std::to_string(least.value)));
    }
  }
  if (const Counted counted = CountOf(code, op); !counted.field.empty()) {
    const int64_t value = options.Int(counted.field);
    if (value != static_cast<int64_t>(counted.have)) {
      return fail(
          Concat(counted.field, " is ", std::to_string(value), ", but there are ", std::to_string(counted.have)));
    }
  }
  if (HasFilter(code) && op.inputs.size() > 1 && op.inputs[1] >= 0) {
    for (const int32_t d : graph.tensors[static_cast<size_t>(op.inputs[1])].shape) {
      if (d == 0) return fail("the filter has no elements");
    }
  }
}

}  // namespace godwit::tflite
