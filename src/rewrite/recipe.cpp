#include "rewrite/recipe.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ir/eval.h"
#include "ir/operands.h"

namespace godwit {

namespace {

constexpr uint64_t kSmallBytes = uint64_t{1} << 16;
constexpr int kMaxDepth = 16;

int DepthOf(const Constant& constant) {
  const auto* source = std::get_if<1>(&constant.data);
  return source == nullptr ? 0 : (*source)->depth();
}

class Recipe final : public TensorSource {
 public:
  Recipe(const OpDef& op, Attrs attrs, const std::vector<const Constant*>& in, const TensorType& type)
      : op_(op), attrs_(std::move(attrs)), type_(type) {
    for (const Constant* c : in) {
      in_.push_back(c == nullptr ? Constant() : *c);
      present_.push_back(c != nullptr);
      if (c != nullptr) depth_ = std::max(depth_, DepthOf(*c) + 1);
    }
  }

  Result<Tensor> Load() const override {
    std::vector<const Constant*> in;
    for (size_t i = 0; i < in_.size(); ++i) in.push_back(present_[i] ? &in_[i] : nullptr);
    TRY(Tensor t, ComputeNow(op_, attrs_, in));
    if (t.dtype() != type_.dtype || ToShape(t.dims()) != type_.shape) {
      return Diag(diag::kRewriteType, "a computed constant has another type than was inferred for it");
    }
    return t;
  }
  uint64_t stored_bytes() const override {
    uint64_t count = 1;
    for (const Dim& d : type_.shape) count *= static_cast<uint64_t>(d.value());
    return (count * Info(type_.dtype).bits + 7) / 8;
  }
  int depth() const override { return depth_; }

 private:
  const OpDef& op_;
  Attrs attrs_;
  std::vector<Constant> in_;
  std::vector<bool> present_;
  TensorType type_;
  int depth_ = 1;
};

}  // namespace

Result<Tensor> ComputeNow(const OpDef& op, const Attrs& attrs, const std::vector<const Constant*>& in) {
  std::vector<RtValue> values;
  for (const Constant* c : in) {
    if (c == nullptr) {
      values.emplace_back();
      continue;
    }
    TRY(Tensor t, c->Load());
    values.emplace_back(std::move(t));
  }
  RETURN_IF_ERROR(CheckOperandValues(op, values));
  EvalCtx ctx(op, attrs, std::move(values), 1);
  RETURN_IF_ERROR(op.eval(ctx));
  return std::move(ctx.results()[0].tensor);
}

Result<Constant> Computed(const OpDef& op, Attrs attrs, const std::vector<const Constant*>& in,
                          const TensorType& type) {
  Constant out;
  out.type = type;
  auto recipe = std::make_shared<const Recipe>(op, std::move(attrs), in, type);
  if (recipe->stored_bytes() > kSmallBytes && recipe->depth() <= kMaxDepth) {
    out.data = std::shared_ptr<const TensorSource>(std::move(recipe));
    return out;
  }
  TRY(Tensor t, recipe->Load());
  out.data = std::move(t);
  return out;
}

}  // namespace godwit
