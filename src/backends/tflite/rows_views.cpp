// A transpose between two views of the same elements: axes that stay together are moved as one, so that fewer are
// needed; and one of more axes than a target takes is said in several steps of four.
#include <algorithm>
#include <numeric>

#include "backends/tflite/emit.h"
#include "passes/layout/split_move.h"

namespace godwit::to_tflite {

namespace {

constexpr size_t kPlainRank = 4;

bool IsView(const OpDef* op) {
  return op == &ops::kReshape || op == &ops::kFlatten || op == &ops::kSqueeze || op == &ops::kUnsqueeze;
}

struct Turn {
  ValueId x;                  ///< before the first view
  std::vector<int64_t> dims;  ///< what is turned
  std::vector<int64_t> perm;
};

/// The transpose that the node, a view, stands behind, over as few axes as say the same; nothing where it has few.
std::optional<Turn> TurnBehind(NodeExport& n) {
  const Node* turn = n.Maker(n.Operand(0), ops::kTranspose);
  if (turn == nullptr) return std::nullopt;
  const Node* view = n.Maker(turn->in[0]);
  const auto dims = n.StaticDims(n.TypeOf(turn->in[0]));
  if (view == nullptr || !IsView(view->op) || !dims || dims->size() <= kPlainRank) return std::nullopt;
  const std::vector<int64_t>& perm = turn->attrs.Ints("perm");
  if (perm.size() != dims->size()) return std::nullopt;
  // Axes of one element are moved by nobody; runs of neighbours go together.
  std::vector<int64_t> order;
  for (const int64_t p : perm) {
    if ((*dims)[static_cast<size_t>(p)] != 1) order.push_back(p);
  }
  std::vector<int64_t> dense;
  for (int64_t k = 0; k < static_cast<int64_t>(dims->size()); ++k) {
    if ((*dims)[static_cast<size_t>(k)] != 1) dense.push_back(k);
  }
  std::vector<int64_t> heads;  // the first axis of each run, in the order of the result
  std::vector<int64_t> sizes(dims->size(), 0);
  int64_t before = -1;
  for (const int64_t p : order) {
    const auto at = std::find(dense.begin(), dense.end(), p);
    const bool follows = before >= 0 && at != dense.begin() && *(at - 1) == before;
    if (!follows) heads.push_back(p);
    int64_t& size = sizes[static_cast<size_t>(heads.back())];
    size = std::max<int64_t>(size, 1) * (*dims)[static_cast<size_t>(p)];
    before = p;
  }
  Turn out;
  out.x = view->in[0];
  std::vector<int64_t> sorted = heads;
  std::sort(sorted.begin(), sorted.end());
  for (const int64_t head : sorted) out.dims.push_back(sizes[static_cast<size_t>(head)]);
  for (const int64_t head : heads) out.perm.push_back(std::find(sorted.begin(), sorted.end(), head) - sorted.begin());
  return out;
}

Status EmitTurn(NodeExport& n) {
  const auto turn = TurnBehind(n);
  if (!turn || turn->dims.size() > kPlainRank) return n.NotThis();
  const Ref x = n.Reshaped(n.Of(turn->x), ShapeOfDims(turn->dims));
  return n.EmitReshapeTo(0, n.Turned(x, turn->perm));
}

// Two moves of few axes where that is enough. Else each step brings the next axis of the result to its place: what lies
// between is moved behind it as one.
Status EmitTurnInSteps(NodeExport& n) {
  const auto turn = TurnBehind(n);
  if (!turn || turn->dims.size() <= kPlainRank) return n.NotThis();
  if (const auto two = layout::SplitMove({turn->dims.begin(), turn->dims.end()}, turn->perm, kPlainRank)) {
    Ref y = n.Of(turn->x);
    for (const layout::PartOfMove& part : *two) {
      std::vector<int64_t> dims;
      for (const auto& run : part.runs) {
        dims.push_back(1);
        for (const size_t axis : run) dims.back() *= turn->dims[axis];
      }
      y = n.Turned(n.Reshaped(y, ShapeOfDims(dims)), part.perm);
    }
    return n.EmitReshapeTo(0, y);
  }
  std::vector<int64_t> now(turn->dims.size());
  std::iota(now.begin(), now.end(), 0);
  const auto product = [&](size_t from, size_t to) {
    int64_t size = 1;
    for (size_t k = from; k < to; ++k) size *= turn->dims[static_cast<size_t>(now[k])];
    return size;
  };
  Ref x = n.Of(turn->x);
  for (size_t k = 0; k < now.size(); ++k) {
    const size_t at = static_cast<size_t>(std::find(now.begin(), now.end(), turn->perm[k]) - now.begin());
    if (at == k) continue;
    // As many as follow it in the result too.
    size_t end = at + 1;
    while (end < now.size() && k + end - at < now.size() && now[end] == turn->perm[k + end - at]) ++end;
    x = n.Reshaped(x, ShapeOfDims({product(0, k), product(k, at), product(at, end), product(end, now.size())}));
    x = n.Turned(x, {0, 2, 1, 3});
    std::rotate(now.begin() + static_cast<std::ptrdiff_t>(k), now.begin() + static_cast<std::ptrdiff_t>(at),
                now.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return n.EmitReshapeTo(0, x);
}

constexpr Row kRows[] = {
    {&ops::kReshape, "RESHAPE, TRANSPOSE, RESHAPE", EmitTurn},
};
constexpr Row kStepRows[] = {
    {&ops::kReshape, "RESHAPE, TRANSPOSE in steps", EmitTurnInSteps},
};

}  // namespace

extern const RowSet kViewRows{kRows};
extern const RowSet kViewStepRows{kStepRows};

}  // namespace godwit::to_tflite
