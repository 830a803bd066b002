#include "passes/half_choice.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <unordered_map>

#include "base/diag_passes.h"
#include "base/regex.h"
#include "base/text.h"
#include "ir/convert.h"
#include "ir/walk.h"
#include "ops/ops.h"
#include "targets/onnx_schema.h"

namespace godwit::half {

namespace {

enum class Trait : uint8_t {
  kComputes,
  kDelicate,  ///< long sums, exponentials: first to stay in mixed precision
  kMoves,     ///< only moves elements
  kHeavy,     ///< most of the work: worth two casts
};

/// An operator with half kernels, by what ai.onnx calls it or what it is made of there.
struct Row {
  const OpDef* op;
  std::string_view onnx;
  Trait trait = Trait::kComputes;
};
const Row kRows[] = {
    {&ops::kAbs, "Abs"},
    {&ops::kAdd, "Add"},
    {&ops::kAttention, "MatMul", Trait::kDelicate},
    {&ops::kAvgPool, "AveragePool"},
    {&ops::kBatchNorm, "BatchNormalization", Trait::kDelicate},
    {&ops::kCast, "Cast", Trait::kMoves},
    {&ops::kCeil, "Ceil"},
    {&ops::kCelu, "Elu"},
    {&ops::kClip, "Clip"},
    {&ops::kCompress, "Compress", Trait::kMoves},
    {&ops::kConcat, "Concat", Trait::kMoves},
    {&ops::kConv, "Conv", Trait::kHeavy},
    {&ops::kConvTranspose, "ConvTranspose", Trait::kHeavy},
    {&ops::kCos, "Cos"},
    {&ops::kDepthToSpace, "DepthToSpace", Trait::kMoves},
    {&ops::kDiv, "Div"},
    {&ops::kEinsum, "Einsum", Trait::kHeavy},
    {&ops::kElu, "Elu"},
    {&ops::kEqual, "Equal"},
    {&ops::kErf, "Erf"},
    {&ops::kExp, "Exp", Trait::kDelicate},
    {&ops::kExpand, "Expand", Trait::kMoves},
    {&ops::kFlatten, "Flatten", Trait::kMoves},
    {&ops::kFloor, "Floor"},
    {&ops::kGather, "Gather", Trait::kMoves},
    {&ops::kGatherElements, "GatherElements", Trait::kMoves},
    {&ops::kGatherNd, "GatherND", Trait::kMoves},
    {&ops::kGelu, "Erf"},
    {&ops::kGemm, "Gemm", Trait::kHeavy},
    {&ops::kGridSample, "GridSample"},
    {&ops::kGroupNorm, "InstanceNormalization", Trait::kDelicate},
    {&ops::kGru, "GRU", Trait::kHeavy},
    {&ops::kHardSigmoid, "HardSigmoid"},
    {&ops::kHardSwish, "HardSigmoid"},
    {&ops::kIdentity, "Identity", Trait::kMoves},
    {&ops::kInstanceNorm, "InstanceNormalization", Trait::kDelicate},
    {&ops::kLayerNorm, "LayerNormalization", Trait::kDelicate},
    {&ops::kLeakyRelu, "LeakyRelu"},
    {&ops::kLess, "Less"},
    {&ops::kLessEqual, "LessOrEqual"},
    {&ops::kLog, "Log", Trait::kDelicate},
    {&ops::kLpNorm, "LpNormalization", Trait::kDelicate},
    {&ops::kLpPool, "LpPool", Trait::kDelicate},
    {&ops::kLrn, "LRN", Trait::kDelicate},
    {&ops::kLstm, "LSTM", Trait::kHeavy},
    {&ops::kMatMul, "MatMul", Trait::kHeavy},
    {&ops::kMax, "Max"},
    {&ops::kMaxPool, "MaxPool"},
    {&ops::kMin, "Min"},
    {&ops::kMish, "Softplus"},
    {&ops::kMul, "Mul"},
    {&ops::kNeg, "Neg"},
    {&ops::kPRelu, "PRelu"},
    {&ops::kPad, "Pad", Trait::kMoves},
    {&ops::kPow, "Pow", Trait::kDelicate},
    {&ops::kReciprocal, "Reciprocal"},
    {&ops::kReduce, "ReduceMean", Trait::kDelicate},
    {&ops::kRelu, "Relu"},
    {&ops::kReshape, "Reshape", Trait::kMoves},
    {&ops::kResize, "Resize"},
    {&ops::kRmsNorm, "ReduceMean", Trait::kDelicate},
    {&ops::kRnn, "RNN", Trait::kHeavy},
    {&ops::kRotaryEmbedding, "Mul"},
    {&ops::kRound, "Round"},
    {&ops::kScatterElements, "ScatterElements", Trait::kMoves},
    {&ops::kScatterNd, "ScatterND", Trait::kMoves},
    {&ops::kSelu, "Selu"},
    {&ops::kSigmoid, "Sigmoid"},
    {&ops::kSign, "Sign"},
    {&ops::kSilu, "Sigmoid"},
    {&ops::kSin, "Sin"},
    {&ops::kSlice, "Slice", Trait::kMoves},
    {&ops::kSoftmax, "Softmax", Trait::kDelicate},
    {&ops::kSoftplus, "Softplus", Trait::kDelicate},
    {&ops::kSoftsign, "Softsign"},
    {&ops::kSpaceToDepth, "SpaceToDepth", Trait::kMoves},
    {&ops::kSplit, "Split", Trait::kMoves},
    {&ops::kSqrt, "Sqrt"},
    {&ops::kSqueeze, "Squeeze", Trait::kMoves},
    {&ops::kSub, "Sub"},
    {&ops::kTanh, "Tanh"},
    {&ops::kThresholdedRelu, "ThresholdedRelu"},
    {&ops::kTile, "Tile", Trait::kMoves},
    {&ops::kTranspose, "Transpose", Trait::kMoves},
    {&ops::kTrilu, "Trilu", Trait::kMoves},
    {&ops::kUnsqueeze, "Unsqueeze", Trait::kMoves},
    {&ops::kWhere, "Where", Trait::kMoves},
};

const Row* FindRow(const OpDef* op) {
  static const auto rows = [] {
    std::unordered_map<const OpDef*, const Row*> out;
    for (const Row& row : kRows) out.emplace(row.op, &row);
    return out;
  }();
  const auto it = rows.find(op);
  return it == rows.end() ? nullptr : it->second;
}

bool OnnxTakes(const Row& row, DType dtype, int64_t opset) {
  if (opset == 0) return true;
  const targets::OnnxSchema* schema = targets::FindSchema("", row.onnx, opset);
  return schema != nullptr && !schema->inputs.empty() && schema->inputs[0].types != nullptr &&
         schema->inputs[0].types->Has(Type::Tensor(dtype));
}

bool HasFloats(const Graph& graph, const Node& node) {
  for (size_t i = 0; i < node.in.size(); ++i) {
    if (Converts(graph, node, i)) return true;
  }
  return std::any_of(node.out.begin(), node.out.end(), [&](ValueId v) { return IsF32(graph, v); });
}

Result<std::vector<Regex>> Compile(const std::vector<std::string>& patterns) {
  std::vector<Regex> out;
  for (const std::string& pattern : patterns) {
    std::string error;
    auto regex = Regex::Compile(pattern, &error);
    if (!regex) {
      return Diag(diag::kPassExpression, Concat("'", Printable(pattern, 200), "' is no regular expression: ", error));
    }
    out.push_back(*std::move(regex));
  }
  return out;
}

std::string Short(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

// Constants that the type cannot hold as they are meant.
class ConstantCheck {
 public:
  ConstantCheck(const Graph& graph, DType dtype, HalfReport* report) : graph_(graph), dtype_(dtype), report_(report) {}

  /// Why the node stays; empty when its constants fit.
  Result<std::string> Reason(const Node& node) {
    constexpr int64_t kFew = 16;
    for (size_t i = 0; i < node.in.size(); ++i) {
      const ValueId v = node.in[i];
      if (!graph_.IsConstant(v) || !Converts(graph_, node, i)) continue;
      TRY(const Rounded r, Of(v));
      if (r.overflow > 0 && !MayCut(node, i, r, dtype_)) return Concat("a weight of ", Short(r.peak));
      // Few numbers are guards, such as an epsilon; among many weights zero is what the smallest mean.
      if (r.lost > 0 && r.count <= kFew) return std::string("a constant becomes 0");
    }
    return std::string();
  }

 private:
  Result<Rounded> Of(ValueId v) {
    const auto it = known_.find(v.index);
    if (it != known_.end()) return it->second;
    TRY(const Tensor t, graph_.constant(graph_.value(v).constant).Load());
    const Rounded r = Round(t, dtype_);
    known_.emplace(v.index, r);
    if (r.overflow > 0) {
      const std::string& name = graph_.value(v).name;
      report_->overflows.push_back({name.empty() ? "a constant" : name, r.peak, true});
    }
    return r;
  }

  const Graph& graph_;
  DType dtype_;
  HalfReport* report_;
  std::unordered_map<uint32_t, Rounded> known_;
};

}  // namespace

void Choice::Keep(NodeId id, std::string reason) {
  if (!Half(id)) return;
  places[id.index] = Place::kKept;
  reasons[id.index] = std::move(reason);
}

double Largest(DType dtype) { return dtype == DType::kF16 ? 65504.0 : 3.3895313892515355e38; }

Rounded Round(const Tensor& f32, DType dtype) {
  const double smallest = dtype == DType::kF16 ? 0x1p-14 : 0x1p-126;
  const double nothing = dtype == DType::kF16 ? 0x1p-25 : 0x1p-134;
  // Half a step past the largest number is where rounding goes to infinity.
  const double past = dtype == DType::kF16 ? 65520.0 : 0x1.FFp127;
  Rounded r;
  r.count = f32.size();
  for (const float x : f32.span<float>()) {
    const double v = x;
    const double m = std::fabs(v);
    if (!std::isfinite(v)) continue;
    r.peak = std::max(r.peak, m);
    r.lowest = std::min(r.lowest, v);
    if (m >= past) ++r.overflow;
    if (m != 0 && m <= nothing) {
      ++r.lost;
    } else if (m != 0 && m < smallest) {
      ++r.subnormal;
    }
  }
  return r;
}

bool IsF32(const Graph& graph, ValueId v) {
  return v && graph.value(v).type.is_tensor() && graph.value(v).type.dtype() == DType::kF32;
}

bool Converts(const Graph& graph, const Node& node, size_t i) {
  if (i >= node.in.size() || !IsF32(graph, node.in[i])) return false;
  return node.op != &ops::kResize || i == 0;
}

bool MayCut(const Node& node, size_t operand, const Rounded& rounded, DType dtype) {
  if (node.op == &ops::kClip) return operand > 0;
  if (node.op == &ops::kMin || node.op == &ops::kMax) return true;
  const bool excludes = node.op == &ops::kAdd || node.op == &ops::kWhere || node.op == &ops::kAttention;
  // Large negative numbers are there to lose against all others: the largest of the type does that too.
  return excludes && rounded.peak == -rounded.lowest && rounded.lowest <= -Largest(dtype);
}

Result<Choice> Choose(const Graph& graph, const HalfOptions& options, HalfReport* report) {
  Choice choice;
  choice.places.assign(graph.node_count(), Place::kFloat);
  TRY(const std::vector<Regex> keep, Compile(options.keep));
  ConstantCheck constants(graph, options.dtype, report);
  for (NodeId id : NodesWithin(graph)) {
    const Node& node = graph.node(id);
    const Row* row = FindRow(node.op);
    if (row == nullptr || !HasFloats(graph, node) || !OnnxTakes(*row, options.dtype, options.opset)) continue;
    choice.places[id.index] = Place::kHalf;
    const Origin& origin = graph.origin(node.origin);
    if (std::any_of(keep.begin(), keep.end(), [&](const Regex& r) {
          return r.FullMatch(origin.node) || r.FullMatch(origin.op_type) || r.FullMatch(node.op->name);
        })) {
      choice.Keep(id, "asked for");
    } else if (options.kind == HalfKind::kMixed && row->trait == Trait::kDelicate) {
      choice.Keep(id, "mixed precision");
    } else {
      TRY(const std::string reason, constants.Reason(node));
      if (!reason.empty()) choice.Keep(id, reason);
    }
  }
  return choice;
}

void Smooth(const Graph& graph, bool keep_io, Choice* choice) {
  std::vector<std::vector<NodeId>> users(graph.value_count());
  std::vector<bool> given_back(graph.value_count());
  ForEachUse(graph, [&](const Use& use) {
    if (use.node) {
      users[use.value.index].push_back(use.node);
    } else {
      given_back[use.value.index] = true;
    }
  });
  const auto is_half = [&](ValueId v) {
    const Value& value = graph.value(v);
    return value.def ? choice->Half(value.def) : !keep_io;
  };
  const std::vector<NodeId> nodes = NodesWithin(graph);
  for (int sweep = 0; sweep < 4; ++sweep) {
    bool changed = false;
    for (size_t k = 0; k < nodes.size(); ++k) {
      const NodeId id = sweep % 2 == 0 ? nodes[k] : nodes[nodes.size() - 1 - k];
      const Node& node = graph.node(id);
      const Row* row = FindRow(node.op);
      if (!choice->Half(id) || row->trait == Trait::kHeavy || node.op == &ops::kCast) continue;
      if (node.op == &ops::kAttention) continue;
      // Casts beside the node when it runs in half, and when not.
      int as_half = 0, as_float = 0;
      for (size_t i = 0; i < node.in.size(); ++i) {
        if (!Converts(graph, node, i) || graph.IsConstant(node.in[i])) continue;
        (is_half(node.in[i]) ? as_float : as_half) += 1;
      }
      for (ValueId v : node.out) {
        if (!IsF32(graph, v)) continue;
        const auto& readers = users[v.index];
        const bool any_half = std::any_of(readers.begin(), readers.end(), [&](NodeId n) { return choice->Half(n); });
        const bool any_float = (given_back[v.index] && keep_io) ||
                               std::any_of(readers.begin(), readers.end(), [&](NodeId n) { return !choice->Half(n); });
        as_half += any_float ? 1 : 0;
        as_float += any_half ? 1 : 0;
      }
      if (as_float >= as_half) continue;
      choice->places[id.index] = Place::kFloat;
      changed = true;
    }
    if (!changed) break;
  }
}

}  // namespace godwit::half
