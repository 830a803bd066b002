// Chains of elementwise functions in plans: whatever the operands' shapes are, as long as they broadcast.
#include <random>

#include "exec/plan_check.h"

namespace godwit {
namespace {

using testing::DataType;
using testing::Numbers;
using testing::OnnxGraph;

struct Drawn {
  std::mt19937 random;
  int64_t Below(int64_t n) { return std::uniform_int_distribution<int64_t>(0, n - 1)(random); }

  // An operand that broadcasts to `out`: some of its axes are one long, leading ones may be missing.
  std::vector<int64_t> Under(const std::vector<int64_t>& out) {
    std::vector<int64_t> dims = out;
    const int64_t kind = Below(4);
    for (size_t k = 0; k < dims.size(); ++k) {
      const bool one = kind == 0 || (kind == 1 && k + 1 < dims.size()) || (kind == 2 && Below(2) == 0);
      if (one) dims[k] = 1;
    }
    const int64_t missing = Below(static_cast<int64_t>(dims.size()) + 1);
    dims.erase(dims.begin(), dims.begin() + missing);
    return dims;
  }
};

std::vector<int64_t> Broadcast(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  std::vector<int64_t> out(std::max(a.size(), b.size()), 1);
  for (const auto* dims : {&a, &b}) {
    const size_t lead = out.size() - dims->size();
    for (size_t k = 0; k < dims->size(); ++k) out[lead + k] = std::max(out[lead + k], (*dims)[k]);
  }
  return out;
}

TEST(ElementwisePlan, ChainsOfAnyShapes) {
  constexpr std::string_view kOps[] = {"Add", "Sub", "Mul", "Max"};
  constexpr int64_t kExtents[] = {1, 2, 3, 7, 16, 48};
  Drawn draw;
  for (int round = 0; round < 400; ++round) {
    SCOPED_TRACE(round);
    std::vector<int64_t> out(static_cast<size_t>(1 + draw.Below(4)));
    for (int64_t& d : out) d = kExtents[draw.Below(6)];
    OnnxGraph g;
    std::vector<RtValue> inputs;
    std::vector<int64_t> shape = draw.Under(out);
    const auto feed = [&](const std::string& name, const std::vector<int64_t>& dims, bool constant) {
      const std::vector<float> data =
          Numbers(static_cast<size_t>(ElementCount(dims)), static_cast<uint32_t>(inputs.size() + 1));
      if (constant) {
        g.Init(name, dims, data);
      } else {
        g.Input(name, DataType::kFloat, {dims.begin(), dims.end()});
        inputs.emplace_back(Tensor::F32(dims, data));
      }
    };
    feed("x", shape, false);
    std::string last = "x";
    const int64_t length = 1 + draw.Below(4);
    for (int64_t k = 0; k < length; ++k) {
      const std::string other = "o" + std::to_string(k), result = "r" + std::to_string(k);
      const std::vector<int64_t> dims = draw.Under(out);
      feed(other, dims, draw.Below(2) == 0);
      const bool first = draw.Below(2) == 0;
      g.Node(std::string(kOps[draw.Below(4)]), {first ? last : other, first ? other : last}, {result});
      if (draw.Below(3) == 0) {
        g.Node("Relu", {result}, {result + "a"});
        last = result + "a";
      } else {
        last = result;
      }
      shape = Broadcast(shape, dims);
    }
    g.Output(last, DataType::kFloat);
    testing::ExpectOnePlan(testing::ImportBuilt(g), inputs, 0);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace godwit
