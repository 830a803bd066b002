#include "passes/layout/apply.h"
#include "passes/numbers_like.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "ir/walk.h"
#include "ops/ops.h"
#include "rewrite/recipe.h"

namespace godwit::layout {

namespace {

Type StoredType(const Type& type, const Perm& perm) {
  Type out = type;
  out.tensor().shape = Stored(type.shape(), perm);
  if (const auto& quant = type.tensor().quant; quant && quant->axis >= 0) {
    Quant moved = *quant;
    const auto at = std::find(perm.begin(), perm.end(), int64_t{quant->axis});
    if (at != perm.end()) moved.axis = static_cast<int>(at - perm.begin());
    out.tensor().quant = std::make_shared<const Quant>(std::move(moved));
  }
  return out;
}

bool HasZero(const Shape& shape) {
  return std::any_of(shape.begin(), shape.end(), [](const Dim& d) { return d == Dim(0); });
}

class Applier {
 public:
  Applier(Graph* graph, Problem& problem, std::vector<Inserted>* inserted, std::vector<ValueLayout>* layouts)
      : graph_(*graph), problem_(problem), orders_(problem.orders()), inserted_(*inserted), layouts_(*layouts) {}

  Status Run() {
    const std::vector<NodeId> nodes = NodesWithin(graph_);
    const std::vector<RegionId> regions = RegionsWithin(graph_);
    count_ = graph_.value_count();
    meant_.reserve(count_);
    made_.resize(count_, kAny);
    for (uint32_t i = 0; i < count_; ++i) {
      const ValueId v{i};
      meant_.push_back(graph_.value(v).type);
      if (problem_.forms().Ordered(v) && problem_.RootOf(v) == v && !graph_.IsConstant(v) && problem_.Alive(v)) {
        made_[i] = problem_.MadeIn(v);
      }
    }
    const std::vector<ValueId>& results = graph_.region(Graph::main()).results;
    for (uint32_t i = 0; i < results.size(); ++i) {
      const ValueId root = problem_.RootOf(results[i]);
      left_as_.push_back({results[i], root});
      const bool ordered = problem_.forms().Ordered(results[i]);
      const Site site{{}, Graph::main(), i, results[i]};
      left_in_.push_back(
          ordered ? orders_.Compose(orders_.Inverse(problem_.RelationOf(results[i])), problem_.NeededBy(site)) : kAny);
    }
    // What every user gets, before anything changes.
    struct Change {
      Site site;
      Label needed;
    };
    std::vector<Change> changes;
    std::vector<std::pair<NodeId, Turned>> turned;
    for (uint32_t i = 0; i < count_; ++i) {
      for (const Site& site : problem_.SitesOf(ValueId{i})) changes.push_back({site, problem_.NeededBy(site)});
    }
    for (const NodeId id : nodes) {
      if (problem_.forms().KindOf(id) != Forms::Kind::kTurns) continue;
      const Form& form = problem_.FormOf(id);
      if (form.turns.empty()) continue;
      auto now = problem_.forms().Turn(id, form.turns);
      CHECK(now.has_value());
      turned.emplace_back(id, *std::move(now));
    }
    for (uint32_t i = 0; i < count_; ++i) {
      if (made_[i] != kAny && !orders_.IsIdentity(made_[i])) {
        Value& value = graph_.value(ValueId{i});
        value.type = StoredType(meant_[i], orders_[made_[i]]);
      }
    }
    for (const Change& c : changes) RETURN_IF_ERROR(Serve(c.site, c.needed));
    for (auto& [id, now] : turned) RETURN_IF_ERROR(TurnNode(id, std::move(now)));
    for (const NodeId id : nodes) {
      const Forms::Kind kind = problem_.forms().KindOf(id);
      if (kind == Forms::Kind::kView) RETURN_IF_ERROR(RewriteView(id));
      if (kind == Forms::Kind::kSizes) RewriteSizes(id);
      if (kind == Forms::Kind::kTurns) RenameWeights(id);
    }
    NameLayouts();
    PlaceNodes(nodes, regions);
    for (const RegionId r : regions) RETURN_IF_ERROR(TopologicalSort(&graph_, r));
    return Ok{};
  }

 private:
  // The root in that order; made where the root is, once.
  Result<ValueId> Variant(ValueId root, Label order) {
    if (graph_.IsConstant(root)) return TurnedConstant(root, order);
    const Label made = made_[root.index];
    if (order == made || order == kAny) return root;
    ValueId& known = variants_[{root.index, order}];
    if (known) return known;
    const Shape& meant = meant_[root.index].shape();
    ValueId source = root;
    Label from = made;
    const bool moves = Moves(root, made, order);
    if (moves) {
      // Another order of the same memory may be there.
      for (const auto& [other, value] : by_root_[root.index]) {
        if (Moves(root, other, order)) continue;
        source = value;
        from = other;
        break;
      }
    }
    const Shape has = Stored(meant, orders_[from]), wants = Stored(meant, orders_[order]);
    const auto numbers = ShapeNumbers(has, wants);
    const bool reshape = !Moves(root, from, order) && numbers;
    ValueId out;
    if (reshape) {
      out = Made(RegionOf(root), ops::kReshape, {source, Numbers(*numbers)}, ReshapeAttrs(wants), OriginOf(root));
    } else {
      const Label turn = orders_.Compose(orders_.Inverse(from), order);
      out = Made(RegionOf(root), ops::kTranspose, {source}, {{"perm", orders_[turn]}}, OriginOf(root));
    }
    graph_.value(out).type = StoredType(meant_[root.index], orders_[order]);
    variants_[{root.index, order}] = out;
    by_root_[root.index].emplace_back(order, out);
    inserted_.push_back({root, from, order, out});
    return out;
  }

  Result<ValueId> TurnedConstant(ValueId constant, Label order) {
    if (orders_.IsIdentity(order)) return constant;
    ValueId& known = variants_[{constant.index, order}];
    if (known) return known;
    const Constant& old = graph_.constant(graph_.value(constant).constant);
    const Type type = StoredType(meant_[constant.index], orders_[order]);
    TRY(Constant now, Computed(ops::kTranspose, {{"perm", orders_[order]}}, {&old}, type.tensor()));
    const ValueId out = graph_.AddConstant(std::move(now), graph_.value(constant).name);
    variants_[{constant.index, order}] = out;
    return out;
  }

  Status Serve(const Site& site, Label needed) {
    const ValueId root = problem_.RootOf(site.value);
    TRY(const ValueId now, Variant(root, needed == kAny && graph_.IsConstant(root) ? problem_.RelationOf(site.value)
                                         : needed == kAny                          ? made_[root.index]
                                                                                   : needed));
    if (site.node) {
      graph_.node(site.node).in[site.place] = now;
    } else {
      graph_.region(site.region).results[site.place] = now;
    }
    return Ok{};
  }

  Status TurnNode(NodeId id, Turned now) {
    Node& node = graph_.node(id);
    node.attrs = std::move(now.attrs);
    for (const auto& [operand, held] : now.numbers) {
      const bool wide = operand >= node.in.size() || !node.in[operand];
      const ValueId old = wide ? ValueId() : node.in[operand];
      const ValueId numbers = Numbers(held, old);
      Node& again = graph_.node(id);
      if (again.in.size() <= operand) again.in.resize(operand + 1);
      again.in[operand] = numbers;
    }
    for (uint32_t i = 0; i < now.spread.size(); ++i) {
      if (now.spread[i] == kAny) continue;
      TRY(const ValueId spread, Spread(id, i, orders_[now.spread[i]]));
      graph_.node(id).in[i] = spread;
    }
    return Ok{};
  }

  // An operand of lower rank with dims of 1 where the others have theirs; those in front are left out.
  Result<ValueId> Spread(NodeId id, uint32_t operand, const Perm& perm) {
    const ValueId v = graph_.node(id).in[operand];
    const Type now = graph_.value(v).type;
    const size_t rank = now.shape().size(), lead = perm.size() - rank;
    Shape dims;
    size_t next = 0;
    for (const int64_t k : perm) {
      const bool own = k >= static_cast<int64_t>(lead);
      if (own || next > 0) dims.push_back(own ? now.shape()[next] : Dim(1));
      next += own ? 1U : 0U;
    }
    if (dims == now.shape()) return v;
    Type type = now;
    type.tensor().shape = dims;
    if (graph_.IsConstant(v)) {
      const Constant& old = graph_.constant(graph_.value(v).constant);
      Constant shape;
      std::vector<int64_t> sizes;
      for (const Dim& d : dims) sizes.push_back(d.value());
      shape.data = Tensor::I64({static_cast<int64_t>(sizes.size())}, sizes);
      shape.type = TensorType(DType::kI64, {Dim(static_cast<int64_t>(sizes.size()))});
      TRY(Constant made, Computed(ops::kReshape, {{"allow_zero", int64_t{1}}}, {&old, &shape}, type.tensor()));
      return graph_.AddConstant(std::move(made), graph_.value(v).name);
    }
    const auto numbers = ShapeNumbers(now.shape(), dims);
    ValueId out;
    if (numbers) {
      out = Made(graph_.node(id).parent, ops::kReshape, {v, Numbers(*numbers)}, ReshapeAttrs(dims),
                 graph_.node(id).origin);
    } else {
      std::vector<int64_t> axes;
      next = 0;
      for (size_t k = 0, at = 0; k < perm.size(); ++k) {
        const bool own = perm[k] >= static_cast<int64_t>(lead);
        if (!own && next > 0) axes.push_back(static_cast<int64_t>(at));
        if (own || next > 0) ++at;
        next += own ? 1U : 0U;
      }
      out = Made(graph_.node(id).parent, ops::kUnsqueeze, {v, Numbers(axes)}, {}, graph_.node(id).origin);
    }
    graph_.value(out).type = std::move(type);
    return out;
  }

  Status RewriteView(NodeId id) {
    const Form& form = problem_.FormOf(id);
    if (orders_.IsIdentity(form.operands[0]) && orders_.IsIdentity(form.results[0])) return Ok{};
    const Shape has = graph_.value(graph_.node(id).in[0]).type.shape();
    const Shape wants = graph_.value(graph_.node(id).out[0]).type.shape();
    const auto numbers = ShapeNumbers(has, wants);
    CHECK(numbers.has_value());
    const ValueId shape = Numbers(*numbers);
    Node& node = graph_.node(id);
    node.op = &ops::kReshape;
    node.in = {node.in[0], shape};
    node.attrs = ReshapeAttrs(wants);
    return Ok{};
  }

  // Dims are read in the order of the source from those that are stored.
  void RewriteSizes(NodeId id) {
    if (graph_.node(id).op == &ops::kSizeOf) return;
    const Label read = problem_.FormOf(id).operands[0];
    if (orders_.IsIdentity(read)) return;
    const auto rank = static_cast<int64_t>(orders_.Rank(read));
    const Attrs attrs = graph_.node(id).attrs;
    const auto at = [rank](int64_t v) { return std::clamp<int64_t>(v < 0 ? v + rank : v, 0, rank); };
    std::vector<int64_t> picks;
    const Perm& place = orders_[orders_.Inverse(read)];
    for (int64_t k = at(attrs.Int("start")); k < at(attrs.Int("end", rank)); ++k) {
      picks.push_back(place[static_cast<size_t>(k)]);
    }
    const ValueId all =
        Made(graph_.node(id).parent, ops::kShapeOf, {graph_.node(id).in[0]}, {}, graph_.node(id).origin);
    graph_.value(all).type = Type::Tensor(DType::kI64, {Dim(rank)});
    const ValueId indices = Numbers(picks);
    Node& node = graph_.node(id);
    node.op = &ops::kGather;
    node.in = {all, indices};
    node.attrs = {{"axis", int64_t{0}}};
  }

  void RenameWeights(NodeId id) {
    const Form& form = problem_.FormOf(id);
    if (form.weights == kAny) return;
    Node& node = graph_.node(id);
    std::string_view has = "oihw";
    for (const AttrDef& a : node.op->attrs) {
      if (a.name == "weight_layout") has = a.fallback;
    }
    has = node.attrs.Str("weight_layout", has);
    node.attrs.Set("weight_layout", RenamedLayout(has, orders_[form.weights]));
  }

  // "oihw" with its axes turned; spatial axes stay together.
  static std::string RenamedLayout(std::string_view has, const Perm& perm) {
    std::vector<std::string> axes;
    for (size_t i = 0; i < has.size(); ++i) {
      if (has.substr(i, 2) == "hw") {
        for (size_t k = 0; k + 2 < perm.size(); ++k) axes.emplace_back(k == 0 ? "hw" : "");
        ++i;
      } else {
        axes.emplace_back(1, has[i]);
      }
    }
    std::string out;
    for (const int64_t k : perm) out += axes[static_cast<size_t>(k)];
    return out;
  }

  // An output's name is that of what leaves the graph; all other names stay with the value that is made.
  void NameLayouts() {
    const Region& main = graph_.region(Graph::main());
    std::unordered_set<uint32_t> named;  // by what they leave as; inside they had no name
    for (size_t i = 0; i < main.results.size() && i < graph_.output_names.size(); ++i) {
      const std::string& name = graph_.output_names[i];
      Value& given = graph_.value(main.results[i]);
      for (const ValueId v : left_as_[i]) {
        if (v == main.results[i] || graph_.value(v).name != name || !graph_.value(v).def) continue;
        graph_.value(v).name.clear();
        if (!given.name.empty()) continue;
        given.name = name;
        named.insert(main.results[i].index);
      }
      if (!orders_.IsIdentity(left_in_[i])) layouts_.push_back({main.results[i], name, orders_[left_in_[i]]});
    }
    for (uint32_t i = 0; i < count_; ++i) {
      const ValueId v{i}, root = problem_.RootOf(v);
      const std::string& name = graph_.value(v).name;
      if (made_[root.index] == kAny || name.empty() || named.contains(i) || !problem_.Alive(v)) continue;
      // A transpose of the source that is there again is called what it was.
      const auto again = v == root ? variants_.end() : variants_.find({root.index, problem_.RelationOf(v)});
      if (again != variants_.end() && graph_.value(again->second).name.empty()) {
        graph_.value(again->second).name = std::exchange(graph_.value(v).name, {});
        continue;
      }
      const Label own = orders_.Compose(orders_.Inverse(problem_.RelationOf(v)), made_[root.index]);
      const bool told = std::any_of(layouts_.begin(), layouts_.end(), [&](const auto& l) { return l.name == name; });
      if (!orders_.IsIdentity(own) && !told) layouts_.push_back({root, name, orders_[own]});
    }
  }

  // Transposes of the source are gone; their results are other names for what is there.
  void PlaceNodes(const std::vector<NodeId>& nodes, const std::vector<RegionId>& regions) {
    std::vector<bool> gone(graph_.node_count());
    for (const NodeId id : nodes) {
      if (problem_.forms().KindOf(id) == Forms::Kind::kTranspose) gone[id.index] = true;
    }
    for (const RegionId r : regions) {
      std::erase_if(graph_.region(r).nodes, [&](NodeId id) { return gone[id.index]; });
    }
    for (uint32_t i = 0; i < gone.size(); ++i) {
      if (!gone[i]) continue;
      Node& node = graph_.node(NodeId{i});
      for (const ValueId v : node.out) {
        if (v) graph_.value(v).name.clear();
      }
      node.in.clear();
    }
  }

  // Types of values are those of what is stored by now; what was meant tells what moves.
  bool Moves(ValueId root, Label from, Label to) {
    const Shape& shape = meant_[root.index].shape();
    return from != to && MemoryOrder(orders_[from], shape) != MemoryOrder(orders_[to], shape);
  }
  RegionId RegionOf(ValueId v) const {
    const Value& value = graph_.value(v);
    if (value.def) return graph_.node(value.def).parent;
    return value.param_of ? value.param_of : Graph::main();
  }
  OriginId OriginOf(ValueId v) const {
    const Value& value = graph_.value(v);
    return value.def ? graph_.node(value.def).origin : OriginId();
  }

  ValueId Made(RegionId region, const OpDef& op, std::vector<ValueId> in, Attrs attrs, OriginId origin) {
    return graph_.node(graph_.AddNode(region, op, std::move(in), 1, std::move(attrs), origin)).out[0];
  }

  static Attrs ReshapeAttrs(const Shape& wants) { return HasZero(wants) ? Attrs{{"allow_zero", int64_t{1}}} : Attrs{}; }

  ValueId Numbers(const std::vector<int64_t>& numbers, ValueId old = {}) {
    return graph_.AddConstant(NumbersLike(old ? graph_.value(old).type : Type(), numbers));
  }

  Graph& graph_;
  Problem& problem_;
  Orders& orders_;
  std::vector<Inserted>& inserted_;
  std::vector<ValueLayout>& layouts_;
  size_t count_ = 0;
  std::vector<Type> meant_;  // by value of the source graph
  std::vector<Label> made_;  // by root
  // By result of the graph: the values it was known as, and its order.
  std::vector<std::vector<ValueId>> left_as_;
  std::vector<Label> left_in_;
  std::map<std::pair<uint32_t, Label>, ValueId> variants_;
  std::unordered_map<uint32_t, std::vector<std::pair<Label, ValueId>>> by_root_;
};

}  // namespace

Status Apply(Graph* graph, Problem& problem, std::vector<Inserted>* inserted, std::vector<ValueLayout>* layouts) {
  return Applier(graph, problem, inserted, layouts).Run();
}

}  // namespace godwit::layout
