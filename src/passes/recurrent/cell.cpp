#include "passes/recurrent/cell.h"

#include <algorithm>
#include <cmath>

#include "ops/ops.h"

namespace godwit::recurrent {

namespace {

constexpr int kMaxDepth = 8;
constexpr size_t kMaxMonomials = 6;

/// number * the atoms, which are sorted.
struct Monomial {
  double number = 1;
  std::vector<ValueId> atoms;

  [[nodiscard]] bool Holds(ValueId v) const { return std::find(atoms.begin(), atoms.end(), v) != atoms.end(); }
  /// The other one of two.
  [[nodiscard]] ValueId Beside(ValueId v) const { return atoms[0] == v ? atoms[1] : atoms[0]; }
};
using Polynomial = std::vector<Monomial>;

void AddTo(Polynomial* sum, const Monomial& m) {
  for (size_t i = 0; i < sum->size(); ++i) {
    if ((*sum)[i].atoms != m.atoms) continue;
    (*sum)[i].number += m.number;
    if ((*sum)[i].number == 0) sum->erase(sum->begin() + static_cast<std::ptrdiff_t>(i));
    return;
  }
  sum->push_back(m);
}

std::optional<Function> FunctionOf(const Node& node) {
  struct Named {
    const OpDef* op;
    std::string_view name;
  };
  static const Named kNames[] = {{&ops::kSigmoid, "sigmoid"},
                                 {&ops::kTanh, "tanh"},
                                 {&ops::kRelu, "relu"},
                                 {&ops::kSoftsign, "softsign"},
                                 {&ops::kSoftplus, "softplus"}};
  for (const Named& named : kNames) {
    if (node.op == named.op) return Function{std::string(named.name)};
  }
  if (node.op == &ops::kElu) return Function{"elu", node.attrs.Float("alpha", 1)};
  if (node.op == &ops::kLeakyRelu) return Function{"leaky_relu", node.attrs.Float("alpha", 0.01)};
  if (node.op == &ops::kHardSigmoid) {
    return Function{"hard_sigmoid", node.attrs.Float("alpha", 0.2), node.attrs.Float("beta", 0.5)};
  }
  return std::nullopt;
}

class CellReader {
 public:
  CellReader(RewriteCtx& ctx, const States& states) : ctx_(ctx), states_(states), reader_(ctx) {}

  std::optional<Cell> Read() {
    const Node& node = ctx_.node();
    const auto columns = node.out.size() == 1 ? Columns(ctx_, node.out[0]) : std::nullopt;
    if (!columns || *columns < 1) return std::nullopt;
    const DType dtype = ctx_.DtypeOf(node.out[0]);
    if (dtype != DType::kF32 && dtype != DType::kF16) return std::nullopt;
    cell_.hidden = *columns;
    cell_.node = ctx_.id();
    cell_.h = node.out[0];
    reader_.Take(cell_.h);
    const bool found = node.op == &ops::kMul                            ? ReadLstm()
                       : node.op == &ops::kAdd || node.op == &ops::kSub ? ReadGru()
                                                                        : ReadRnn();
    if (!found || !GatherLeaves() || !Closed()) return std::nullopt;
    return std::move(cell_);
  }

 private:
  [[nodiscard]] bool IsState(ValueId v) const { return states_.contains(v.index); }

  // The dims that say which row is which.
  [[nodiscard]] std::vector<Dim> Rows(ValueId v) const {
    std::vector<Dim> rows;
    const Shape& shape = ctx_.ShapeOf(v);
    for (size_t k = 0; k + 1 < shape.size(); ++k) {
      if (!(shape[k] == Dim(1))) rows.push_back(shape[k]);
    }
    return rows;
  }
  [[nodiscard]] bool HasOurRows(ValueId v) const { return ctx_.Ranked(v) && Rows(v) == Rows(cell_.h); }
  [[nodiscard]] bool HasOurShape(ValueId v) const { return HasOurRows(v) && Columns(ctx_, v) == cell_.hidden; }

  // The value as a polynomial of what is no addition or multiplication, and of states.
  std::optional<Polynomial> Expand(ValueId v, bool root, int depth) {
    v = reader_.Peel(v);
    if (const auto number = ctx_.Splat(v)) {
      return *number == 0 ? Polynomial{} : Polynomial{Monomial{*number, {}}};
    }
    if (reader_.IsZero(v)) return Polynomial{};
    const Node* def = IsState(v) && !root ? nullptr : ctx_.Def(v);
    const bool opens =
        def != nullptr && depth > 0 && (root || ctx_.SingleUse(v)) &&
        (def->op == &ops::kAdd || def->op == &ops::kSub || def->op == &ops::kMul || def->op == &ops::kNeg);
    if (!opens) return HasOurShape(v) ? std::optional(Polynomial{Monomial{1, {v}}}) : std::nullopt;
    reader_.Take(v);
    const auto a = Expand(def->in[0], false, depth - 1);
    if (!a) return std::nullopt;
    Polynomial out;
    if (def->op == &ops::kNeg) {
      for (const Monomial& m : *a) out.push_back({-m.number, m.atoms});
      return out;
    }
    const auto b = Expand(def->in[1], false, depth - 1);
    if (!b) return std::nullopt;
    if (def->op != &ops::kMul) {
      out = *a;
      for (const Monomial& m : *b) AddTo(&out, {def->op == &ops::kSub ? -m.number : m.number, m.atoms});
      return out.size() > kMaxMonomials ? std::nullopt : std::optional(out);
    }
    // A gate that zeros multiply is a gate all the same.
    for (const Polynomial* p : {&*a, &*b}) {
      if (a->empty() == b->empty() || p->size() != 1 || p->front().atoms.size() != 1) continue;
      lost_.push_back(p->front().atoms[0]);
    }
    for (const Monomial& x : *a) {
      for (const Monomial& y : *b) {
        Monomial m{x.number * y.number, x.atoms};
        m.atoms.insert(m.atoms.end(), y.atoms.begin(), y.atoms.end());
        std::sort(m.atoms.begin(), m.atoms.end(), [](ValueId p, ValueId q) { return p.index < q.index; });
        if (m.atoms.size() > 3) return std::nullopt;
        AddTo(&out, m);
      }
    }
    return out.size() > kMaxMonomials ? std::nullopt : std::optional(out);
  }

  // An activation of a sum of products.
  bool ReadGate(ValueId v, Gate* gate) {
    Reader attempt = reader_;
    int64_t first = 0;
    for (int depth = kMaxDepth; depth > 0; --depth) {
      v = attempt.Peel(v);
      const Node* def = ctx_.Def(v);
      if (def == nullptr || IsState(v)) return false;
      const auto function = def->in.size() == 1 ? FunctionOf(*def) : std::nullopt;
      if (!function) {
        if (!attempt.StepInto(&v, &first, cell_.hidden)) return false;
        continue;
      }
      attempt.Take(v);
      gate->function = *function;
      gate->linear = {};
      if (!attempt.Read(def->in[0], first, cell_.hidden, &gate->linear)) return false;
      reader_.Restore(attempt);
      return true;
    }
    return false;
  }

  static const Monomial* Find(const Polynomial& p, double number, size_t degree, ValueId with = {}) {
    for (const Monomial& m : p) {
      if (m.number == number && m.atoms.size() == degree && (!with || m.Holds(with))) return &m;
    }
    return nullptr;
  }

  // h = output gate * function(c)
  bool ReadLstm() {
    const Node& node = ctx_.node();
    for (size_t side = 0; side < 2; ++side) {
      const CellReader saved = *this;
      const ValueId shown = reader_.Peel(node.in[1 - side]);
      const Node* function = ctx_.Def(shown);
      const auto last = function != nullptr && function->in.size() == 1 ? FunctionOf(*function) : std::nullopt;
      if (last && HasOurShape(shown)) {
        cell_.op = &ops::kLstm;
        cell_.last = *last;
        cell_.gates.resize(4);
        reader_.Take(shown);
        cell_.c = reader_.Peel(function->in[0]);
        if (ReadGate(node.in[side], &cell_.gates[1]) && ReadCellState()) return true;
      }
      *this = saved;
    }
    return false;
  }

  // c = forget gate * old c + input gate * candidate
  bool ReadCellState() {
    const auto p = Expand(cell_.c, true, kMaxDepth);
    if (!p || p->empty()) return false;
    // What is not a gate is the old state.
    for (const Monomial& m : *p) {
      for (const ValueId atom : m.atoms) {
        Gate gate;
        const bool state = IsState(atom) || !ReadGate(atom, &gate);
        if (state && cell_.old_c && !(cell_.old_c == atom)) return false;
        if (state) cell_.old_c = atom;
      }
    }
    const ValueId c = cell_.old_c;
    std::vector<Gate>& g = cell_.gates;
    ValueId input, forget, candidate;
    const auto same = [&](const Gate& gate) { return gate.function == g[1].function; };
    const auto read = [&](ValueId i, ValueId f, ValueId made) {
      if (f && (!ReadGate(f, &g[2]) || !same(g[2]))) return false;
      return ReadGate(i, &g[0]) && same(g[0]) && ReadGate(made, &g[3]);
    };
    if (!c) {
      const Monomial* m = p->size() == 1 ? Find(*p, 1, 2) : nullptr;
      if (m == nullptr || lost_.size() > 1) return false;
      if (!lost_.empty()) forget = lost_[0];
      return read(m->atoms[0], forget, m->atoms[1]) || read(m->atoms[1], forget, m->atoms[0]);
    }
    if (p->size() == 2) {
      const Monomial* kept = Find(*p, 1, 2, c);
      if (kept == nullptr) return false;
      forget = kept->Beside(c);
      const Monomial* added = &(*p)[kept == &(*p)[0] ? 1 : 0];
      if (added->number != 1 || added->atoms.size() != 2 || added->Holds(c)) return false;
      return read(added->atoms[0], forget, added->atoms[1]) || read(added->atoms[1], forget, added->atoms[0]);
    }
    if (p->size() != 3) return false;
    // c - i c + i g, or g - f g + f c: one gate is one less the other.
    cell_.input_forget = true;
    if (Find(*p, 1, 1, c) != nullptr) {
      const Monomial* lost = Find(*p, -1, 2, c);
      if (lost == nullptr) return false;
      input = lost->Beside(c);
      const Monomial* added = Find(*p, 1, 2, input);
      if (added == nullptr || added->Holds(c)) return false;
      candidate = added->Beside(input);
    } else {
      const Monomial* made = Find(*p, 1, 1);
      const Monomial* kept = Find(*p, 1, 2, c);
      if (made == nullptr || kept == nullptr) return false;
      candidate = made->atoms[0];
      input = kept->Beside(c);
      const Monomial* less = Find(*p, -1, 2, candidate);
      if (less == nullptr || !(less->Beside(candidate) == input) || g[1].function.name != "sigmoid") return false;
      g[0].negated = true;
    }
    return read(input, {}, candidate);
  }

  // h = z * old h + (1 - z) * candidate
  bool ReadGru() {
    cell_.op = &ops::kGru;
    cell_.gates.resize(3);
    const auto p = Expand(cell_.h, true, kMaxDepth);
    if (!p || p->empty() || p->size() > 3) return false;
    if (p->size() == 1) return ReadGruFromZero(p->front());
    for (const Monomial& one : *p) {
      if (one.number != 1 || one.atoms.size() != 1) continue;
      // one - u one + u other
      const Monomial* less = Find(*p, -1, 2, one.atoms[0]);
      if (less == nullptr) return false;
      const ValueId z = less->Beside(one.atoms[0]);
      const Monomial* more = Find(*p, 1, 2, z);
      if (p->size() == 3 && (more == nullptr || more->Holds(one.atoms[0]))) return false;
      const ValueId other = more == nullptr ? ValueId() : more->Beside(z);
      if (!ReadGate(z, &cell_.gates[0])) return false;
      if (TryCandidate(one.atoms[0], other)) return true;
      if (!other || cell_.gates[0].function.name != "sigmoid") return false;
      cell_.gates[0].negated = true;
      return TryCandidate(other, one.atoms[0]);
    }
    return false;
  }

  // u * candidate, where (1 - u) multiplied zeros.
  bool ReadGruFromZero(const Monomial& m) {
    if (m.number != 1 || m.atoms.size() != 2) return false;
    for (const size_t side : {0U, 1U}) {
      const CellReader saved = *this;
      const ValueId u = m.atoms[side], candidate = m.atoms[1 - side];
      cell_.gates[0].negated = true;
      if (ReadGate(u, &cell_.gates[0]) && cell_.gates[0].function.name == "sigmoid" && TryCandidate(candidate, {}) &&
          !(cell_.gates[2].function == cell_.gates[0].function)) {
        return true;
      }
      *this = saved;
    }
    return false;
  }

  bool TryCandidate(ValueId candidate, ValueId old_h) {
    const CellReader saved = *this;
    cell_.old_h = old_h;
    if (ReadGate(candidate, &cell_.gates[2]) && ReadReset()) return true;
    *this = saved;
    return false;
  }

  // The reset gate, which multiplies either the old state or what is made of it.
  bool ReadReset() {
    Linear& sum = cell_.gates[2].linear;
    for (size_t k = 0; k < sum.terms.size(); ++k) {
      Term& term = sum.terms[k];
      const Node* product = ctx_.Def(term.input, ops::kMul);
      if (product == nullptr || IsState(term.input)) continue;
      for (size_t side = 0; side < 2; ++side) {
        const CellReader saved = *this;
        const ValueId other = reader_.Peel(product->in[1 - side]);
        const bool zero = reader_.IsZero(other);
        reader_.Take(term.input);
        if (ReadGate(product->in[side], &cell_.gates[1]) && cell_.gates[1].function == cell_.gates[0].function) {
          if (zero && !cell_.old_h) {
            sum.terms.erase(sum.terms.begin() + static_cast<std::ptrdiff_t>(k));
            return true;
          }
          if (term.weight && cell_.old_h && other == cell_.old_h) {
            term.input = cell_.old_h;
            Normalise(&sum);
            return true;
          }
          if (!term.weight && reader_.Read(product->in[1 - side], term.out, cell_.hidden, &cell_.after_reset)) {
            cell_.linear_before_reset = true;
            sum.terms.erase(sum.terms.begin() + static_cast<std::ptrdiff_t>(k));
            return std::all_of(cell_.after_reset.terms.begin(), cell_.after_reset.terms.end(),
                               [&](const Term& t) { return t.weight && t.input == cell_.old_h; });
          }
        }
        *this = saved;
      }
    }
    // From zeros on nothing may be left of it.
    return !cell_.old_h;
  }

  bool ReadRnn() {
    cell_.op = &ops::kRnn;
    cell_.gates.resize(1);
    return ReadGate(cell_.h, &cell_.gates[0]);
  }

  bool GatherLeaves() {
    const auto gather = [&](const Linear& linear) {
      return std::all_of(linear.terms.begin(), linear.terms.end(), [&](const Term& t) {
        if (!HasOurRows(t.input)) return false;
        if (std::find(cell_.leaves.begin(), cell_.leaves.end(), t.input) == cell_.leaves.end()) {
          cell_.leaves.push_back(t.input);
        }
        return true;
      });
    };
    for (const Gate& gate : cell_.gates) {
      if (!gather(gate.linear)) return false;
    }
    if (!gather(cell_.after_reset) || cell_.leaves.empty()) return false;
    if (cell_.old_h) {
      const auto at = std::find(cell_.leaves.begin(), cell_.leaves.end(), cell_.old_h);
      if (at == cell_.leaves.end()) return false;
      cell_.h_leaf = static_cast<size_t>(at - cell_.leaves.begin());
    }
    return true;
  }

  // What it computes on the way is for nobody else.
  bool Closed() {
    cell_.nodes = reader_.nodes();
    cell_.views = reader_.views();
    for (const uint32_t index : cell_.nodes) {
      for (const ValueId v : ctx_.graph().node(NodeId{index}).out) {
        if (!v || v == cell_.h || v == cell_.c) continue;
        for (const UseSite& use : ctx_.editor().Uses(v)) {
          if (!use.node || (!cell_.nodes.contains(use.node.index) && !cell_.views.contains(use.node.index))) {
            return false;
          }
        }
      }
    }
    return true;
  }

  // Attempts are taken back by copies.
  CellReader(const CellReader&) = default;
  CellReader& operator=(const CellReader& other) {
    cell_ = other.cell_;
    lost_ = other.lost_;
    reader_.Restore(other.reader_);
    return *this;
  }

  RewriteCtx& ctx_;
  const States& states_;
  Reader reader_;
  Cell cell_;
  std::vector<ValueId> lost_;  // what zeros multiply
};

}  // namespace

std::optional<Cell> ReadCell(RewriteCtx& ctx, const States& states) { return CellReader(ctx, states).Read(); }

}  // namespace godwit::recurrent
