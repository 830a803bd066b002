#include "ops/recurrent_formula.h"

#include <algorithm>

#include "ops/ops.h"

namespace godwit::ops {

namespace {

const Node* Made(const Graph& graph, ValueId v, const OpDef& by) {
  const NodeId def = v ? graph.value(v).def : NodeId();
  return def && graph.node(def).op == &by ? &graph.node(def) : nullptr;
}

template <class F>
bool EitherWay(const Node& node, F f) {
  return f(node.in[0], node.in[1]) || f(node.in[1], node.in[0]);
}

class CellMatcher {
 public:
  CellMatcher(const Graph& graph, RegionId region, const ScalarFn& scalar)
      : g_(graph), region_(region), body_(graph.region(region)), scalar_(scalar) {}

  std::optional<LstmFormula> Match() {
    if (body_.params.size() != 3 || body_.results.size() != 3 || body_.results[0] != body_.results[2]) {
      return std::nullopt;
    }
    h_ = body_.params[0], c_ = body_.params[1], x_ = body_.params[2];
    next_c_ = body_.results[1];
    const ValueId sum = Clipped(next_c_, &m_.cell_clip);
    const ValueId hidden = Projected(Clipped(body_.results[0], &m_.projection_clip));
    if (!sum || !hidden || (m_.projection_clip != 0 && !m_.projection)) return std::nullopt;
    const Node *out = Made(g_, hidden, kMul), *add = Made(g_, sum, kAdd);
    if (out == nullptr || add == nullptr) return std::nullopt;
    // h = sigmoid(output) * tanh(c)
    const bool ends = EitherWay(*out, [&](ValueId a, ValueId b) {
      const Node* tanh = Made(g_, b, kTanh);
      return tanh != nullptr && tanh->in[0] == next_c_ && Gate(a, kSigmoid, next_c_, &m_.gates[3]);
    });
    // c = sigmoid(forget) * c + input * tanh(update)
    const bool keeps = EitherWay(*add, [&](ValueId a, ValueId b) {
      const Node *kept = Made(g_, a, kMul), *added = Made(g_, b, kMul);
      return kept != nullptr && added != nullptr && Kept(*kept) && Added(*added);
    });
    return ends && keeps ? std::optional(m_) : std::nullopt;
  }

  std::optional<RnnFormula> MatchRnn() {
    if (body_.params.size() != 2 || body_.results.size() != 2 || body_.results[0] != body_.results[1]) {
      return std::nullopt;
    }
    h_ = body_.params[0], x_ = body_.params[1];
    for (const OpDef* activation : {&kTanh, &kRelu}) {
      LstmGate gate;
      if (!Gate(body_.results[0], *activation, {}, &gate) || gate.norm) continue;
      return RnnFormula{gate.w, gate.r, gate.bias, activation};
    }
    return std::nullopt;
  }

 private:
  /// Of the graph around the body.
  [[nodiscard]] bool Outside(ValueId v) const {
    if (!v || std::find(body_.params.begin(), body_.params.end(), v) != body_.params.end()) return false;
    const NodeId def = g_.value(v).def;
    return !def || g_.node(def).parent != region_;
  }

  // What is cut to -limit..limit; the value itself where nothing is, invalid where the limits are others.
  ValueId Clipped(ValueId v, double* limit) {
    const Node* clip = Made(g_, v, kClip);
    if (clip == nullptr) return v;
    if (clip->in.size() != 3 || !clip->in[1] || !clip->in[2]) return {};
    const auto low = scalar_(clip->in[1]), high = scalar_(clip->in[2]);
    if (!low || !high || *low != -*high || *high <= 0) return {};
    *limit = *high;
    return clip->in[0];
  }

  ValueId Projected(ValueId v) {
    ValueId product = v;
    if (const Node* add = Made(g_, v, kAdd); add != nullptr) {
      const bool biased = EitherWay(*add, [&](ValueId a, ValueId b) {
        if (!Outside(b) || Made(g_, a, kMatMul) == nullptr) return false;
        m_.projection_bias = b;
        product = a;
        return true;
      });
      if (!biased) return v;
    }
    const Node* matmul = Made(g_, product, kMatMul);
    if (matmul == nullptr || !matmul->attrs.Flag("transpose_b") || !Outside(matmul->in[1])) return v;
    m_.projection = matmul->in[1];
    return matmul->in[0];
  }

  bool Kept(const Node& mul) {
    return EitherWay(mul, [&](ValueId f, ValueId c) {
      forget_ = f;
      return c == c_ && Gate(f, kSigmoid, c_, &m_.gates[1]);
    });
  }
  bool Added(const Node& mul) {
    return EitherWay(mul, [&](ValueId i, ValueId u) {
      if (!Gate(u, kTanh, {}, &m_.gates[2])) return false;
      const Node* rest = Made(g_, i, kSub);
      m_.coupled = rest != nullptr;
      if (rest != nullptr) return rest->in[1] == forget_ && scalar_(rest->in[0]) == 1.0;
      return Gate(i, kSigmoid, c_, &m_.gates[0]);
    });
  }

  bool Gate(ValueId v, const OpDef& activation, ValueId looks_at, LstmGate* gate) {
    const Node* act = Made(g_, v, activation);
    if (act == nullptr) return false;
    LstmGate m;
    ValueId sum = act->in[0];
    // A leaf that is added last is the bias.
    if (const Node* add = Made(g_, sum, kAdd); add != nullptr) {
      EitherWay(*add, [&](ValueId a, ValueId b) {
        if (!Outside(b)) return false;
        m.bias = b;
        sum = a;
        return true;
      });
    }
    if (const Node* norm = Made(g_, sum, kLayerNorm); norm != nullptr) {
      if (norm->in.size() != 2 || !Outside(norm->in[1])) return false;
      m.norm = norm->in[1];
      sum = norm->in[0];
    }
    const Node* add = Made(g_, sum, kAdd);
    if (add == nullptr) return false;
    if (looks_at) {
      EitherWay(*add, [&](ValueId a, ValueId b) {
        const Node* looks = Made(g_, b, kMul);
        return looks != nullptr && EitherWay(*looks, [&](ValueId c, ValueId p) {
                 if (c != looks_at || !Outside(p)) return false;
                 m.peephole = p;
                 add = Made(g_, a, kAdd);
                 return true;
               });
      });
      if (add == nullptr) return false;
    }
    const bool fits =
        EitherWay(*add, [&](ValueId a, ValueId b) { return Product(a, x_, &m.w) && Product(b, h_, &m.r); });
    if (fits) *gate = m;
    return fits;
  }
  bool Product(ValueId v, ValueId of, ValueId* w) {
    const Node* product = Made(g_, v, kMatMul);
    if (product == nullptr || product->in.size() != 2 || product->in[0] != of) return false;
    if (!product->attrs.Flag("transpose_b") || product->attrs.Flag("transpose_a") || !Outside(product->in[1]))
      return false;
    *w = product->in[1];
    return true;
  }

  const Graph& g_;
  const RegionId region_;
  const Region& body_;
  const ScalarFn& scalar_;
  LstmFormula m_;
  ValueId h_, c_, x_, next_c_, forget_;
};

class SvdfMatcher {
 public:
  SvdfMatcher(const Graph& graph, const UsersFn& users) : g_(graph), users_(users) {}

  std::optional<SvdfFormula> Match(ValueId sums) {
    s_.sums = sums;
    const Node* product = nullptr;
    if (const Node* add = Take(sums, kAdd)) {
      const bool fits = EitherWay(*add, [&](ValueId a, ValueId b) {
        if (Made(g_, a, kReduce) == nullptr) return false;
        s_.bias = b;
        sums = a;
        return true;
      });
      if (!fits) return std::nullopt;
    }
    // The filters of a unit are summed up after the lines of each.
    const Node* sum = Sum(sums);
    if (sum == nullptr) return std::nullopt;
    if (const Node* units = Take(sum->in[0], kReshape)) {
      const Type& type = g_.value(units->out[0]).type;
      if (!type.ranked() || type.rank() != 3 || !type.shape()[2].known()) return std::nullopt;
      s_.rank = *type.shape()[2].known();
      sum = Sum(units->in[0]);
      if (sum == nullptr) return std::nullopt;
    }
    const Node* weighed = Take(sum->in[0], kMul);
    if (weighed == nullptr) return std::nullopt;
    const bool lined = EitherWay(*weighed, [&](ValueId lines, ValueId times) {
      s_.times = times;
      return Lines(lines, &product);
    });
    if (!lined || product == nullptr || !product->attrs.Flag("transpose_b")) return std::nullopt;
    s_.x = product->in[0], s_.features = product->in[1];
    return s_.next ? std::optional(s_) : std::nullopt;
  }

 private:
  const Node* Take(ValueId v, const OpDef& op) {
    const Node* node = Made(g_, v, op);
    if (node != nullptr) s_.body.push_back(g_.value(v).def);
    return node;
  }
  const Node* Sum(ValueId v) {
    const Node* node = Take(v, kReduce);
    return node != nullptr && node->attrs.Str("mode") == "sum" ? node : nullptr;
  }
  // The line without its oldest sum, then the newest.
  bool Lines(ValueId lines, const Node** product) {
    const Node* moved = Take(lines, kConcat);
    if (moved == nullptr || moved->in.size() != 2) return false;
    const Node *older = Take(moved->in[0], kSlice), *newest = Take(moved->in[1], kUnsqueeze);
    if (older == nullptr || newest == nullptr) return false;
    const Node* state = Take(older->in[0], kReshape);
    *product = Take(newest->in[0], kMatMul);
    if (state == nullptr || *product == nullptr) return false;
    s_.state = state->in[0];
    for (const NodeId user : users_(lines)) {
      if (g_.node(user).op != &kReshape) continue;
      s_.body.push_back(user);
      s_.next = g_.node(user).out[0];
    }
    return true;
  }

  const Graph& g_;
  const UsersFn& users_;
  SvdfFormula s_;
};

}  // namespace

std::optional<LstmFormula> MatchLstm(const Graph& graph, const Node& scan, const ScalarFn& scalar) {
  if (scan.op != &kScan || scan.regions.size() != 1 || scan.in.size() != 3 || scan.attrs.Int("sliced") != 1) {
    return std::nullopt;
  }
  return CellMatcher(graph, scan.regions[0], scalar).Match();
}

std::optional<RnnFormula> MatchRnn(const Graph& graph, const Node& scan) {
  if (scan.op != &kScan || scan.regions.size() != 1 || scan.in.size() != 2 || scan.attrs.Int("sliced") != 1) {
    return std::nullopt;
  }
  const ScalarFn none = [](ValueId) { return std::nullopt; };
  return CellMatcher(graph, scan.regions[0], none).MatchRnn();
}

std::optional<SvdfFormula> MatchSvdf(const Graph& graph, ValueId sums, const UsersFn& users) {
  return SvdfMatcher(graph, users).Match(sums);
}

}  // namespace godwit::ops
