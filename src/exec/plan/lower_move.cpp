// Transposes, and concatenation of blocked tensors along their channels.
#include <algorithm>
#include <cstring>

#include "exec/plan/dispatch.h"
#include "exec/plan/lower_rules.h"
#include "exec/plan/reorder_step.h"
#include "ops/ops.h"

namespace godwit::plan {

namespace {

bool IsPermutation(const std::vector<int>& perm, bool to_last) {
  const int rank = static_cast<int>(perm.size());
  if (rank < 3 || perm[0] != 0) return false;
  for (int i = 1; i < rank; ++i) {
    const int from = to_last ? (i == rank - 1 ? 1 : i + 1) : (i == 1 ? rank - 1 : i - 1);
    if (perm[static_cast<size_t>(i)] != from) return false;
  }
  return true;
}

Result<bool> LowerTranspose(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId x = node.in[0], y = node.out[0];
  if (!y || !l.IsStatic(x) || !l.IsStatic(y) || l.TypeOf(x).dtype() == DType::kString) return false;
  const Dims dims = l.DimsOf(x);
  if (ElementCount(dims) == 0) return false;
  std::vector<int> perm;
  for (int64_t p : l.AttrsOf(id).Ints("perm")) perm.push_back(static_cast<int>(p));
  if (perm.empty()) {
    for (int i = static_cast<int>(dims.size()); i-- > 0;) perm.push_back(i);
  }
  const DType dtype = l.TypeOf(x).dtype();
  // Blocks stay where they are when channels move between axis 1 and the last: only their axis is called otherwise.
  const std::pair<Layout, Layout> renames[] = {{Layout::kBlocked, Layout::kBlockedLast},
                                               {Layout::kBlockedLast, Layout::kBlocked}};
  for (const auto& [from, to] : renames) {
    if (!IsPermutation(perm, to == Layout::kBlockedLast)) continue;
    const auto& users = l.UsersOf(y);
    const bool for_conv =
        to == Layout::kBlocked && IsPlanFloat(dtype) && !users.empty() && !l.IsOutput(y) &&
        std::all_of(users.begin(), users.end(), [&](NodeId u) { return l.graph().node(u).op == &ops::kConv; });
    if (l.LayoutOf(x) != from && !for_conv) continue;
    l.AliasIn(y, to, l.In(x, from));
    return true;
  }
  // Moving axes of extent 1 moves no element.
  std::vector<int> real;
  for (int p : perm) {
    if (dims[static_cast<size_t>(p)] != 1) real.push_back(p);
  }
  const SlotId source = l.Plain(x);
  if (l.slot(source).kind == Slot::Kind::kDynamic) return false;
  if (std::is_sorted(real.begin(), real.end())) {
    l.Alias(y, source);
    return true;
  }
  auto step = MakeTranspose(dims, perm, dtype);
  step->reads = {source};
  step->writes = {l.Define(y, Layout::kPlain)};
  l.Emit(std::move(step), id);
  return true;
}

/// Parts whose channels fill whole blocks are copied block after block.
class ConcatBlocksStep final : public Step {
 public:
  ConcatBlocksStep(int64_t batch, std::vector<int64_t> bytes) : batch_(batch), bytes_(std::move(bytes)) {}
  Status Run(Frame& frame) const override {
    auto* y = frame.Out<std::byte>(writes[0]);
    for (int64_t n = 0; n < batch_; ++n) {
      for (size_t i = 0; i < bytes_.size(); ++i) {
        std::memcpy(y, frame.In<std::byte>(reads[i]) + n * bytes_[i], static_cast<size_t>(bytes_[i]));
        y += bytes_[i];
      }
    }
    return Ok{};
  }
  [[nodiscard]] std::string Label() const override { return "concat"; }

 private:
  int64_t batch_;
  std::vector<int64_t> bytes_;  // of one image, by part
};

Result<bool> LowerConcat(Lowering& l, NodeId id) {
  const Node& node = l.graph().node(id);
  const ValueId y = node.out[0];
  if (!y || !l.IsStatic(y) || !IsPlanFloat(l.TypeOf(y).dtype()) || l.TypeOf(y).rank() < 3) return false;
  const int64_t rank = l.TypeOf(y).rank();
  const int64_t given = l.AttrsOf(id).Int("axis"), axis = given < 0 ? given + rank : given;
  if (axis != 1 && axis != rank - 1) return false;
  const Layout layout = axis == 1 ? Layout::kBlocked : Layout::kBlockedLast;
  bool any_blocked_only = false;
  for (size_t i = 0; i < node.in.size(); ++i) {
    if (!l.IsStatic(node.in[i])) return false;
    if (l.DimsOf(node.in[i])[static_cast<size_t>(axis)] % 16 != 0 && i + 1 < node.in.size()) return false;
    any_blocked_only = any_blocked_only || l.LayoutOf(node.in[i]) == layout;
  }
  if (!any_blocked_only) return false;
  std::vector<SlotId> parts;
  std::vector<int64_t> bytes;
  const int64_t batch = l.DimsOf(y)[0];
  if (batch == 0) return false;
  for (ValueId v : node.in) {
    parts.push_back(l.In(v, layout));
    bytes.push_back(l.slot(parts.back()).bytes / batch);
  }
  auto step = std::make_unique<ConcatBlocksStep>(batch, std::move(bytes));
  step->reads = std::move(parts);
  step->writes = {l.Define(y, layout)};
  l.Emit(std::move(step), id);
  return true;
}

constexpr LowerRule kRules[] = {{&ops::kTranspose, LowerTranspose}, {&ops::kConcat, LowerConcat}};

}  // namespace

std::span<const LowerRule> MoveRules() { return kRules; }

}  // namespace godwit::plan
