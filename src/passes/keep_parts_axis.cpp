// Queries, keys and values picked from one tensor by number take a node each. One split does the same when the parts
// keep the axis they were picked from: a leading dim of 1, which products, softmax and their like carry along until a
// reshape drops it.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/pass.h"
#include "rewrite/match.h"

namespace godwit {

namespace {

constexpr size_t kMaxNodes = 64;

bool IsUnary(const OpDef* op) {
  static const std::unordered_set<const OpDef*> kOps = {
      &ops::kRelu, &ops::kGelu, &ops::kSigmoid, &ops::kTanh,      &ops::kErf,      &ops::kSilu,       &ops::kHardSwish,
      &ops::kExp,  &ops::kSqrt, &ops::kNeg,     &ops::kLeakyRelu, &ops::kSoftplus, &ops::kReciprocal, &ops::kElu,
      &ops::kAbs,  &ops::kCast, &ops::kLog,     &ops::kIdentity,  &ops::kClip};
  return kOps.contains(op);
}

bool IsBinary(const OpDef* op) {
  return op == &ops::kAdd || op == &ops::kSub || op == &ops::kMul || op == &ops::kDiv || op == &ops::kMax ||
         op == &ops::kMin;
}

class Lifter {
 public:
  Lifter(Editor& editor, Ledger& ledger) : editor_(editor), graph_(editor.graph()), ledger_(ledger) {}

  Status Run() {
    for (NodeId id : NodesWithin(graph_)) {
      if (!ledger_.Open()) break;
      if (!editor_.Alive(id) || graph_.node(id).op != &ops::kGather) continue;
      if (Lift(graph_.node(id).in[0])) {
        ledger_.Count(kKeepPartsAxisPass.name, id);
        editor_.RemoveDead();
      }
    }
    return editor_.Commit();
  }

 private:
  int RankOf(ValueId v) const { return graph_.value(v).type.rank(); }
  bool Ranked(ValueId v) const { return v && graph_.value(v).type.ranked(); }
  std::optional<std::vector<int64_t>> Ints(ValueId v) {
    const auto dims = editor_.inference().Contents(v);
    if (!dims) return std::nullopt;
    std::vector<int64_t> out;
    for (const Dim& d : *dims) {
      if (!d.is_static()) return std::nullopt;
      out.push_back(d.value());
    }
    return out;
  }

  // The gathers that pick all indices of the first axis, by index; empty when the readers of `source` do not.
  std::vector<NodeId> Picks(ValueId source) {
    if (!Ranked(source) || RankOf(source) < 3) return {};
    const Dim& count = graph_.value(source).type.shape()[0];
    if (!count.is_static() || count.value() < 2 || count.value() > 16) return {};
    std::vector<NodeId> picks(static_cast<size_t>(count.value()));
    for (const UseSite& use : editor_.Uses(source)) {
      if (!use.node || use.index != 0) return {};
      const Node& node = graph_.node(use.node);
      if (node.op != &ops::kGather || node.parent != editor_.HomeOf(source)) return {};
      if (AxisOf(node.attrs.Int("axis"), RankOf(source)) != 0 || !Ranked(node.in[1]) || RankOf(node.in[1]) != 0)
        return {};
      const auto index = Ints(node.in[1]);
      if (!index) return {};
      const int64_t at = (*index)[0] < 0 ? (*index)[0] + count.value() : (*index)[0];
      if (at < 0 || at >= count.value() || picks[static_cast<size_t>(at)]) return {};
      picks[static_cast<size_t>(at)] = use.node;
    }
    if (std::any_of(picks.begin(), picks.end(), [](NodeId id) { return !id; })) return {};
    return picks;
  }

  bool Lift(ValueId source) {
    const std::vector<NodeId> picks = Picks(source);
    if (picks.empty()) return false;
    lifted_.clear();
    carriers_.clear();
    ends_.clear();
    for (NodeId id : picks) lifted_.insert(graph_.node(id).out[0].index);
    for (NodeId id : picks) {
      if (!Follow(graph_.node(id).out[0])) return false;
    }
    if (ends_.empty() || !OperandsFit()) return false;
    return Rewrite(source, picks).ok();
  }

  // Marks what carries the dim along; false where something cannot.
  bool Follow(ValueId first) {
    std::vector<ValueId> open = {first};
    while (!open.empty()) {
      const ValueId v = open.back();
      open.pop_back();
      for (const UseSite& use : editor_.Uses(v)) {
        if (!use.node || graph_.node(use.node).parent != editor_.HomeOf(first)) return false;
        const Node& node = graph_.node(use.node);
        const bool end = node.op == &ops::kReshape;
        if (end ? use.index != 0 || !States(node.out[0]) : !Carries(node, use.index)) return false;
        if (!carriers_.insert(use.node.index).second) continue;
        if (carriers_.size() > kMaxNodes) return false;
        if (end) {
          ends_.push_back(use.node);
          continue;
        }
        for (ValueId out : node.out) {
          if (!out || !lifted_.insert(out.index).second) continue;
          if (!Ranked(out)) return false;
          open.push_back(out);
        }
      }
    }
    return true;
  }

  bool States(ValueId v) const {
    if (!Ranked(v)) return false;
    const Shape& shape = graph_.value(v).type.shape();
    return std::count_if(shape.begin(), shape.end(), [](const Dim& d) { return !d.is_static(); }) <= 1 &&
           std::find(shape.begin(), shape.end(), Dim(0)) == shape.end();
  }

  bool Carries(const Node& node, size_t operand) {
    const OpDef* op = node.op;
    if (op == &ops::kMatMul) return node.in.size() == 2 && node.out.size() == 1;
    if (IsBinary(op)) return true;
    if (op == &ops::kConcat) return true;
    if (operand != 0) return false;
    if (IsUnary(op) || op == &ops::kTranspose || op == &ops::kSoftmax) return true;
    if (op == &ops::kLayerNorm || op == &ops::kRmsNorm) return node.out.size() == 1;
    if (op == &ops::kReduce) return node.in.size() > 1 && node.in[1] && Ints(node.in[1]) && !Ints(node.in[1])->empty();
    if (op == &ops::kSlice) return node.in.size() > 3 && node.in[3] && Ints(node.in[3]);
    if (op == &ops::kSplit) return true;
    if (op == &ops::kPad) return (node.in.size() < 4 || !node.in[3]) && Ints(node.in[1]);
    return false;
  }

  // Operands that do not carry the dim broadcast below it.
  bool OperandsFit() const {
    for (uint32_t index : carriers_) {
      const Node& node = graph_.node(NodeId{index});
      const bool product = node.op == &ops::kMatMul;
      if (!product && !IsBinary(node.op) && node.op != &ops::kConcat) continue;
      for (ValueId v : node.in) {
        if (!Ranked(v) || (product && RankOf(v) < 2)) return false;
        if (lifted_.contains(v.index) ? RankOf(v) != RankOf(node.out[0])
                                      : RankOf(v) > RankOf(node.out[0]) || node.op == &ops::kConcat) {
          return false;
        }
      }
    }
    return true;
  }

  Status Rewrite(ValueId source, const std::vector<NodeId>& picks) {
    std::unordered_map<uint32_t, ValueId> now;
    const Node& first = graph_.node(picks[0]);
    const RegionId region = first.parent;
    const auto n = static_cast<int64_t>(picks.size());
    const ValueId sizes = editor_.AddConstant(Tensor::I64({n}, std::vector<int64_t>(picks.size(), 1)));
    TRY(NodeId split,
        editor_.AddNode(region, ops::kSplit, {source, sizes}, picks.size(), {{"axis", int64_t{0}}}, first.origin));
    for (size_t k = 0; k < picks.size(); ++k) now[graph_.node(picks[k]).out[0].index] = graph_.node(split).out[k];
    std::vector<uint32_t> left(carriers_.begin(), carriers_.end());
    std::sort(left.begin(), left.end());
    std::vector<std::pair<ValueId, ValueId>> replaced;
    while (!left.empty()) {
      const size_t before = left.size();
      for (size_t k = 0; k < left.size();) {
        const Node& node = graph_.node(NodeId{left[k]});
        const bool ready = std::all_of(node.in.begin(), node.in.end(), [&](ValueId v) {
          return !v || !lifted_.contains(v.index) || now.contains(v.index);
        });
        if (!ready) {
          ++k;
          continue;
        }
        TRY(NodeId made, Remake(node, now));
        for (size_t i = 0; i < node.out.size(); ++i) {
          if (node.out[i]) now[node.out[i].index] = graph_.node(made).out[i];
        }
        if (node.op == &ops::kReshape) replaced.emplace_back(node.out[0], graph_.node(made).out[0]);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(k));
      }
      if (left.size() == before) return Diag(diag::kRewriteScope, "parts of a value depend on one another");
    }
    for (const auto& [old, made] : replaced) RETURN_IF_ERROR(editor_.ReplaceValue(old, made));
    return Ok{};
  }

  ValueId List(std::vector<int64_t> values) {
    const auto n = static_cast<int64_t>(values.size());
    return editor_.AddConstant(Tensor::I64({n}, values));
  }

  // The node over operands with one more dim in front: axes are counted from the end.
  Result<NodeId> Remake(const Node& node, const std::unordered_map<uint32_t, ValueId>& now) {
    std::vector<ValueId> in = node.in;
    for (ValueId& v : in) {
      if (const auto it = now.find(v.index); v && it != now.end()) v = it->second;
    }
    Attrs attrs = node.attrs;
    const int rank = RankOf(node.in[0]);
    if (node.op == &ops::kTranspose) {
      const auto perm = PermOf(node, rank);
      if (!perm) return Diag(diag::kRewriteType, "a transpose without its axes");
      Perm wide = {0};
      for (int64_t p : *perm) wide.push_back(p + 1);
      attrs.Set("perm", std::move(wide));
    } else if (node.op == &ops::kReshape) {
      std::vector<int64_t> shape;
      for (const Dim& d : graph_.value(node.out[0]).type.shape()) shape.push_back(d.is_static() ? d.value() : -1);
      in[1] = List(std::move(shape));
      attrs.Erase("allow_zero");
    } else if (node.op == &ops::kReduce || node.op == &ops::kSlice) {
      const size_t at = node.op == &ops::kReduce ? 1 : 3;
      std::vector<int64_t> axes = *Ints(node.in[at]);
      for (int64_t& a : axes) a = a < 0 ? a : a - rank;
      in[at] = List(std::move(axes));
    } else if (node.op == &ops::kPad) {
      std::vector<int64_t> pads = *Ints(node.in[1]);
      pads.insert(pads.begin() + static_cast<std::ptrdiff_t>(pads.size() / 2), 0);
      pads.insert(pads.begin(), 0);
      in[1] = List(std::move(pads));
    } else if (node.op == &ops::kSoftmax || node.op == &ops::kLayerNorm || node.op == &ops::kRmsNorm ||
               node.op == &ops::kConcat || node.op == &ops::kSplit) {
      const int64_t fallback = node.op == &ops::kSplit || node.op == &ops::kConcat ? 0 : -1;
      const int64_t axis = node.attrs.Int("axis", fallback);
      attrs.Set("axis", axis < 0 ? axis : axis - rank);
    }
    return editor_.AddNode(node.parent, *node.op, std::move(in), node.out.size(), std::move(attrs), node.origin);
  }

  Editor& editor_;
  Graph& graph_;
  Ledger& ledger_;
  std::unordered_set<uint32_t> lifted_;    // values
  std::unordered_set<uint32_t> carriers_;  // nodes that read them
  std::vector<NodeId> ends_;               // reshapes that drop the dim
};

Status Run(Editor& editor, Ledger& ledger) { return Lifter(editor, ledger).Run(); }

}  // namespace

const Pass kKeepPartsAxisPass{"keep-parts-axis",
                              "Parts of a tensor that are picked by number are one split, where a reshape drops their "
                              "axis in the end.",
                              Numerics::kExact, Run};

}  // namespace godwit
