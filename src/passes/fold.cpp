// Folding: what follows from constants, or from sizes that are known, becomes a constant. Nodes are visited in order,
// so one run folds chains. What would make the model much larger stays to be computed.
#include <algorithm>

#include "ir/walk.h"
#include "ops/ops.h"
#include "passes/lazy_weight.h"
#include "passes/pass.h"
#include "rewrite/match.h"
#include "rewrite/recipe.h"

namespace godwit {

namespace {

// A result that takes more bytes than the operands it replaces is folded up to these.
constexpr uint64_t kGrowthOfOne = uint64_t{1} << 20;
constexpr uint64_t kGrowthOfAll = uint64_t{16} << 20;

class Folder {
 public:
  Folder(Editor& editor, Ledger& ledger) : editor_(editor), ledger_(ledger) {}

  Status Run() {
    for (NodeId id : NodesWithin(editor_.graph())) {
      if (!ledger_.Open()) break;
      if (!editor_.Alive(id)) continue;
      editor_.Refine(id);
      RETURN_IF_ERROR(Visit(id));
    }
    editor_.RemoveDead();
    return editor_.Commit();
  }

 private:
  Status Visit(NodeId id) {
    const Node& node = editor_.graph().node(id);
    if (node.op->effect != Effect::kPure || node.op->eval == nullptr || !node.regions.empty()) return Ok{};
    if (node.op == &ops::kDequantize) return Ok{};  // a quantised weight is what the model is about
    bool changed = false;
    // Integer contents that inference has worked out need no computation, and no constant operands.
    for (ValueId out : node.out) {
      if (!editor_.Used(out)) continue;
      if (std::optional<Tensor> t = FromContents(out)) {
        RETURN_IF_ERROR(editor_.ReplaceValue(out, editor_.AddConstant(*std::move(t))));
        changed = true;
      }
    }
    if (!changed && node.out.size() == 1 && editor_.Used(node.out[0])) {
      TRY(changed, FoldNode(node));
    }
    if (!changed && node.op == &ops::kSplit) {
      TRY(changed, FoldSplit(node));
    }
    if (changed) ledger_.Count(kFoldConstantsPass.name, id);
    return Ok{};
  }

  // Parts of a constant are constants.
  Result<bool> FoldSplit(const Node& node) {
    Graph& graph = editor_.graph();
    if (!graph.IsConstant(node.in[0])) return false;
    const Constant whole = graph.constant(graph.value(node.in[0]).constant);
    const Shape& shape = whole.type.shape;
    const auto axis = AxisOf(node.attrs.Int("axis"), static_cast<int>(shape.size()));
    if (!axis || whole.type.quant != nullptr || whole.type.dtype == DType::kString) return false;
    const auto at = static_cast<size_t>(*axis);
    for (const ValueId v : node.out) {
      if (!v) return false;
      const Type& type = graph.value(v).type;
      if (!type.is_tensor() || !type.tensor().is_static() || type.tensor().quant) return false;
    }
    const bool alone = editor_.Uses(node.in[0]).size() == 1;
    const uint64_t bytes = whole.stored_bytes();
    if (!Affordable(bytes, alone ? bytes : 0)) return false;
    if (!alone) grown_ += bytes;
    int64_t rows = 1, first = 0;
    for (size_t k = 0; k < at; ++k) rows *= shape[k].value();
    for (const ValueId v : std::vector<ValueId>(node.out)) {
      const TensorType type = graph.value(v).type.tensor();
      TRY(Constant part, LazyWeight(type, {whole}, [type, rows, at, first](const std::vector<Tensor>& in) {
            return PartOf(in[0], type, rows, at, first);
          }));
      first += type.shape[at].value();
      if (editor_.Used(v)) RETURN_IF_ERROR(editor_.ReplaceValue(v, editor_.AddConstant(std::move(part))));
    }
    return true;
  }

  // Places from `first` on along an axis, of which there are `rows` before it.
  static Result<Tensor> PartOf(const Tensor& whole, const TensorType& type, int64_t rows, size_t axis, int64_t first) {
    Dims dims;
    for (const Dim& d : type.shape) dims.push_back(d.value());
    Tensor part(type.dtype, dims);
    if (rows == 0 || part.size() == 0) return part;
    const auto extent = static_cast<size_t>(whole.dims()[axis]), count = static_cast<size_t>(dims[axis]);
    const size_t step = whole.bytes() / (static_cast<size_t>(rows) * extent);
    for (size_t r = 0; r < static_cast<size_t>(rows); ++r) {
      std::copy_n(whole.raw() + (r * extent + static_cast<size_t>(first)) * step, count * step,
                  part.mutable_raw() + r * count * step);
    }
    return part;
  }

  std::optional<Tensor> FromContents(ValueId v) {
    const Type& type = editor_.graph().value(v).type;
    if (!type.is_tensor() || !type.tensor().is_static() || type.rank() > 1 || type.tensor().quant) return std::nullopt;
    if (type.dtype() != DType::kI64 && type.dtype() != DType::kI32) return std::nullopt;
    const auto contents = editor_.inference().Contents(v);
    if (!contents) return std::nullopt;
    Dims dims;
    for (const Dim& d : type.shape()) dims.push_back(d.value());
    Tensor t(type.dtype(), dims);
    if (static_cast<int64_t>(contents->size()) != t.size()) return std::nullopt;
    for (size_t i = 0; i < contents->size(); ++i) {
      const Dim& d = (*contents)[i];
      if (!d.is_static()) return std::nullopt;
      if (type.dtype() == DType::kI64) {
        t.mutable_data<int64_t>()[i] = d.value();
      } else {
        t.mutable_data<int32_t>()[i] = static_cast<int32_t>(d.value());
      }
    }
    return t;
  }

  Result<bool> FoldNode(const Node& node) {
    Graph& graph = editor_.graph();
    std::vector<const Constant*> in;
    uint64_t freed = 0;
    for (ValueId v : node.in) {
      if (v && !graph.IsConstant(v)) return false;
      in.push_back(v ? &graph.constant(graph.value(v).constant) : nullptr);
      if (v && editor_.Uses(v).size() == 1) freed += in.back()->stored_bytes();
    }
    const ValueId out = node.out[0];
    const Type type = graph.value(out).type;
    if (type.is_tensor() && type.tensor().quant) return false;
    // The same numbers in another order or type are called what they were.
    std::string& name = graph.value(out).name;
    const bool same = node.op == &ops::kTranspose || node.op == &ops::kReshape || node.op == &ops::kCast;
    if (same && name.empty()) name = graph.value(node.in[0]).name;
    if (!type.is_tensor() || !type.tensor().is_static()) return FoldNow(node, in, freed);
    Dims dims;
    for (const Dim& d : type.shape()) dims.push_back(d.value());
    const auto bytes = CheckedByteSize(type.dtype(), dims);
    if (!bytes.ok() || !Affordable(static_cast<uint64_t>(*bytes), freed)) return false;
    if (!CannotFail(node)) return FoldNow(node, in, freed);
    auto constant = Computed(*node.op, node.attrs, in, type.tensor());
    if (!constant.ok()) return false;
    return Put(out, *std::move(constant), freed);
  }

  // Data-dependent shapes, and kernels that may refuse their operands, are tried at once.
  Result<bool> FoldNow(const Node& node, const std::vector<const Constant*>& in, uint64_t freed) {
    auto tensor = ComputeNow(*node.op, node.attrs, in);
    if (!tensor.ok() || !tensor->valid() || !Affordable(tensor->bytes(), freed)) return false;
    Constant constant;
    constant.type = tensor->type();
    constant.data = *std::move(tensor);
    return Put(node.out[0], std::move(constant), freed);
  }

  Result<bool> Put(ValueId out, Constant constant, uint64_t freed) {
    const Type type = Type(constant.type);
    if (!Meet(type, editor_.graph().value(out).type)) return false;
    const uint64_t bytes = constant.stored_bytes();
    if (bytes > freed) grown_ += bytes - freed;
    RETURN_IF_ERROR(editor_.ReplaceValue(out, editor_.AddConstant(std::move(constant))));
    return true;
  }

  [[nodiscard]] bool Affordable(uint64_t bytes, uint64_t freed) const {
    return bytes <= freed || (bytes - freed <= kGrowthOfOne && grown_ + (bytes - freed) <= kGrowthOfAll);
  }

  // Operators that only types, which inference has checked, can make fail: they may be computed later.
  static bool CannotFail(const Node& node) {
    static const OpDef* const kOps[] = {&ops::kTranspose, &ops::kReshape,   &ops::kSqueeze, &ops::kUnsqueeze,
                                        &ops::kFlatten,   &ops::kAdd,       &ops::kSub,     &ops::kMul,
                                        &ops::kDiv,       &ops::kNeg,       &ops::kConcat,  &ops::kSqrt,
                                        &ops::kIdentity,  &ops::kReciprocal};
    return std::find(std::begin(kOps), std::end(kOps), node.op) != std::end(kOps);
  }

  Editor& editor_;
  Ledger& ledger_;
  uint64_t grown_ = 0;
};

Status Run(Editor& editor, Ledger& ledger) { return Folder(editor, ledger).Run(); }

}  // namespace

const Pass kFoldConstantsPass{"fold-constants", "Computes what follows from constants or from known sizes.",
                              Numerics::kExact, Run};

}  // namespace godwit
