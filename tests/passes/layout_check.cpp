#include "passes/layout_check.h"

#include <cmath>
#include <numeric>

#include "exec/session.h"
#include "ir/builder.h"
#include "ir/convert.h"
#include "ir/eval.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "ops/ops.h"

namespace godwit::test {

std::optional<int64_t> StrictTarget::Runs(const LayoutForm& form) const {
  if (last_ && form.op() == &ops::kSoftmax) {
    const Type x = form.Operand(0);
    const int64_t axis = form.attrs.Int("axis", -1);
    if (x.ranked() && axis != -1 && axis != x.rank() - 1) return std::nullopt;
  }
  return ChannelOrder::Runs(form);
}

std::vector<Perm> StrictTarget::Wanted(const Graph& graph, NodeId id, size_t operand) const {
  const Node& node = graph.node(id);
  if (last_ && node.op == &ops::kSoftmax && operand == 0) {
    const int64_t rank = graph.value(node.in[0]).type.rank();
    const int64_t axis = (node.attrs.Int("axis", -1) + rank) % rank;
    return {Moved(static_cast<int>(rank), axis)};
  }
  return ChannelOrder::Wanted(graph, id, operand);
}

std::string_view StrictTarget::WeightLayout(const LayoutForm& form) const {
  if (form.op() == &ops::kConv) return last_ ? "ohwi" : "oihw";
  return {};
}

namespace {

class Maker {
 public:
  Maker(std::mt19937_64& random, Graph* graph) : random_(random), facts_(*graph), build_(*graph, facts_) {}

  void Run(int nodes) {
    const int inputs = 1 + Below(2);
    for (int i = 0; i < inputs; ++i) {
      const Dim batch = Below(4) == 0 ? Dim::Symbol("N") : Dim(1 + Below(2));
      const Dim width = Below(8) == 0 ? Dim::Symbol("W") : Dim(1 + Below(3));
      const Shape shape = {batch, Dim(2), Dim(3), width};
      values_.push_back(build_.graph().AddParam(Graph::main(), Type::Tensor(DType::kF32, shape), Name("x", i)));
    }
    for (int i = 0; i < nodes; ++i) Add();
    std::vector<bool> used(build_.graph().value_count());
    for (const NodeId id : build_.graph().region(Graph::main()).nodes) {
      for (const ValueId v : build_.graph().node(id).in) {
        if (v) used[v.index] = true;
      }
    }
    Region& main = build_.graph().region(Graph::main());
    for (const ValueId v : values_) {
      if (used[v.index] && Below(8) != 0) continue;
      build_.graph().output_names.push_back(Name("y", static_cast<int>(main.results.size())));
      main.results.push_back(v);
    }
  }

 private:
  int Below(int n) { return static_cast<int>(random_() % static_cast<uint64_t>(n)); }
  static std::string Name(const char* what, int i) { return what + std::to_string(i); }
  ValueId Any() { return values_[static_cast<size_t>(Below(static_cast<int>(values_.size())))]; }
  const Shape& ShapeOf(ValueId v) { return build_.TypeOf(v).shape(); }
  // 0 where it is not known: constants of that extent are not made.
  int64_t DimOf(ValueId v, size_t k) { return ShapeOf(v)[k].known().value_or(0); }

  ValueId Constant(Dims dims) {
    Tensor t(DType::kF32, std::move(dims));
    for (int64_t i = 0; i < t.size(); ++i) t.mutable_data<float>()[i] = static_cast<float>(Below(9) - 4) / 4;
    return build_.Constant(std::move(t));
  }

  std::vector<int64_t> AnyOrder(size_t rank) {
    std::vector<int64_t> perm(rank);
    std::iota(perm.begin(), perm.end(), 0);
    std::shuffle(perm.begin(), perm.end(), random_);
    return perm;
  }

  // Whether the dims but the last few do.
  static bool Broadcasts(const Shape& a, const Shape& b, size_t but) {
    for (size_t k = but; k < a.size() && k < b.size(); ++k) {
      const Dim &m = a[a.size() - 1 - k], &n = b[b.size() - 1 - k];
      if (m != n && m != Dim(1) && n != Dim(1)) return false;
    }
    return true;
  }

  void Keep(Result<ValueId> made) {
    if (!made.ok()) return;
    int64_t count = 1;
    for (const Dim& d : build_.TypeOf(*made).shape()) {
      const Dim size = d.Substitute([](const std::string&) { return Dim(int64_t{3}); });
      count *= size.known().value_or(0);
    }
    if (count > 2000 || count == 0) return;
    values_.push_back(*made);
    build_.graph().value(*made).name = Name("v", static_cast<int>(values_.size()));
  }

  void Add() {
    const ValueId x = Any();
    const Shape shape = ShapeOf(x);
    const auto rank = static_cast<int64_t>(shape.size());
    switch (Below(18)) {
      case 0:
      case 1:
        if (const int64_t c = rank == 4 ? DimOf(x, 1) : 0; c > 0) {
          Keep(build_.Emit(ops::kConv, {x, Constant({1 + Below(3), c, 1, 1})}));
        }
        break;
      case 2:
        if (rank == 4) {
          Keep(build_.Emit(ops::kMaxPool, {x},
                           {{"kernel", std::vector<int64_t>{2, 1}}, {"pads", std::vector<int64_t>{1, 0, 0, 0}}}));
        }
        break;
      case 3: Keep(build_.Emit(ops::kRelu, {x})); break;
      case 4: {
        const ValueId y = Any();
        Keep(build_.Emit(ops::kAdd, {x, Broadcasts(shape, ShapeOf(y), 0) ? y : x}));
        break;
      }
      case 5: {
        Dims dims;
        for (int64_t k = rank - 1 - Below(static_cast<int>(rank)); k >= 0 && k < rank; ++k) {
          dims.push_back(Below(2) == 0 ? 1 : std::max<int64_t>(DimOf(x, static_cast<size_t>(k)), 1));
        }
        Keep(build_.Emit(ops::kMul, {x, Constant(dims)}));
        break;
      }
      case 6:
      case 7: Keep(build_.Emit(ops::kTranspose, {x}, {{"perm", AnyOrder(shape.size())}})); break;
      case 8: {
        std::vector<int64_t> dims;
        for (const Dim& d : shape) dims.push_back(d.known().value_or(-1));
        if (std::count(dims.begin(), dims.end(), -1) > 1) break;
        const auto at = static_cast<size_t>(Below(static_cast<int>(rank)));
        if (at + 1 < dims.size() && Below(2) == 0) {
          dims[at] = dims[at] < 0 || dims[at + 1] < 0 ? -1 : dims[at] * dims[at + 1];
          dims.erase(dims.begin() + static_cast<std::ptrdiff_t>(at) + 1);
        } else if (dims.size() < 5 && dims[at] > 0 && dims[at] % 2 == 0) {
          dims[at] /= 2;
          dims.insert(dims.begin() + static_cast<std::ptrdiff_t>(at), 2);
        }
        Keep(build_.Emit(ops::kReshape, {x, build_.I64s(dims)}));
        break;
      }
      case 9: {
        const int64_t axis = Below(4) % rank;
        const ValueId y = Any();
        bool fits = ShapeOf(y).size() == shape.size();
        for (size_t k = 0; fits && k < shape.size(); ++k) {
          fits = static_cast<int64_t>(k) == axis || ShapeOf(y)[k] == shape[k];
        }
        Keep(build_.Emit(ops::kConcat, {x, fits ? y : x}, {{"axis", axis}}));
        break;
      }
      case 10:
        Keep(build_.Emit(ops::kReduce, {x, build_.I64s({Below(4) % rank})},
                         {{"mode", "max"}, {"keep_dims", int64_t{Below(2)}}}));
        break;
      case 11: Keep(build_.Emit(ops::kSoftmax, {x}, {{"axis", int64_t{Below(4) % rank}}})); break;
      case 12: {
        const int64_t axis = Below(4) % rank;
        Keep(build_.Emit(ops::kSlice, {x, build_.I64s({0}), build_.I64s({2}), build_.I64s({axis})}));
        break;
      }
      case 13: {
        const int64_t axis = Below(4) % rank;
        auto parts = build_.EmitN(ops::kSplit, {x}, 2, {{"axis", axis}});
        if (!parts.ok()) break;
        Keep((*parts)[0]);
        Keep((*parts)[1]);
        break;
      }
      case 14: {
        std::vector<int64_t> pads(static_cast<size_t>(2 * rank));
        pads[static_cast<size_t>(Below(static_cast<int>(rank)))] = 1;
        Keep(build_.Emit(ops::kPad, {x, build_.I64s(pads)}));
        break;
      }
      case 15:
        if (const int64_t inner = rank >= 2 ? DimOf(x, static_cast<size_t>(rank - 1)) : 0; inner > 0) {
          Keep(build_.Emit(ops::kMatMul, {x, Constant({inner, 2})}));
        }
        break;
      case 16:
        if (rank >= 2) {
          ValueId y = Any();
          const Shape& b = ShapeOf(y);
          if (b.size() < 2 || b.back() != shape.back() || !Broadcasts(shape, b, 2)) y = x;
          Keep(build_.Emit(ops::kMatMul, {x, y}, {{"transpose_b", int64_t{1}}}));
        }
        break;
      default:
        if (rank < 5) Keep(build_.Emit(ops::kUnsqueeze, {x, build_.I64s({Below(static_cast<int>(rank) + 1)})}));
        break;
    }
  }

  std::mt19937_64& random_;
  Inference facts_;
  Builder build_;
  std::vector<ValueId> values_;
};

Tensor Turned(const Tensor& t, const Perm& perm) {
  const Attrs attrs = {{"perm", perm}};
  EvalCtx ctx(ops::kTranspose, attrs, {t}, 1);
  EXPECT_TRUE(ops::kTranspose.eval(ctx).ok());
  return ctx.results()[0].tensor;
}

const Perm* LayoutOf(const LayoutReport& report, const std::string& name) {
  for (const ValueLayout& l : report.layouts) {
    if (l.name == name) return &l.perm;
  }
  return nullptr;
}

}  // namespace

Graph RandomGraph(std::mt19937_64& random, int nodes) {
  Graph graph;
  Maker(random, &graph).Run(nodes);
  return graph;
}

LaidOut CheckLayout(const Graph& source, const LayoutTarget& target, const LayoutOptions& options,
                    const std::string& where) {
  LaidOut out{source.Clone(), {}};
  const Status status = Relayout(&out.graph, target, options, &out.report);
  EXPECT_TRUE(status.ok()) << where << (status.ok() ? "" : status.diag().what);
  const Status valid = VerifyGraph(out.graph);
  EXPECT_TRUE(valid.ok()) << where << (valid.ok() ? "" : valid.diag().what);
  if (!status.ok() || !valid.ok()) return out;

  std::mt19937_64 random(7);
  std::vector<RtValue> before, after;
  for (const ValueId v : source.region(Graph::main()).params) {
    Dims dims;
    for (const Dim& d : source.value(v).type.shape()) dims.push_back(d.known().value_or(3));
    Tensor t(source.value(v).type.dtype(), dims);
    std::vector<double> numbers(static_cast<size_t>(t.size()));
    for (double& n : numbers) n = static_cast<double>(static_cast<int64_t>(random() % 33) - 16) / 8;
    if (!IsFloat(t.dtype())) {
      for (double& n : numbers) n = std::floor(std::fabs(n));
    }
    EXPECT_TRUE(FromF64(numbers, &t).ok());
    const Perm* perm = LayoutOf(out.report, source.value(v).name);
    after.emplace_back(perm == nullptr ? t : Turned(t, *perm));
    before.emplace_back(std::move(t));
  }
  auto want = Session(source, {}).Run(before);
  auto got = Session(out.graph, {}).Run(after);
  EXPECT_TRUE(want.ok()) << where << (want.ok() ? "" : want.diag().what);
  EXPECT_TRUE(got.ok()) << where << (got.ok() ? "" : got.diag().what);
  if (!want.ok() || !got.ok()) return out;
  for (size_t i = 0; i < want->size(); ++i) {
    Tensor x = (*want)[i].tensor;
    const Tensor& y = (*got)[i].tensor;
    const std::string name = i < source.output_names.size() ? source.output_names[i] : "";
    if (const Perm* perm = LayoutOf(out.report, name); perm != nullptr) x = Turned(x, *perm);
    EXPECT_EQ(x.dims(), y.dims()) << where;
    EXPECT_EQ(x.dtype(), y.dtype()) << where;
    if (x.dims() != y.dims() || x.dtype() == DType::kString) continue;
    const std::vector<double> a = ToF64(x), b = ToF64(y);
    const double unit = x.dtype() == DType::kF64 ? 1e-12 : x.dtype() == DType::kF32 ? 1e-5 : 2e-2;
    for (size_t k = 0; k < a.size(); ++k) {
      if (a[k] == b[k] || (std::isnan(a[k]) && std::isnan(b[k]))) continue;
      EXPECT_NEAR(a[k], b[k], unit * std::max(1.0, std::fabs(a[k]))) << where << "\n" << *PrintGraph(source);
      break;
    }
  }
  return out;
}

}  // namespace godwit::test
