#include "verify/layer_match.h"

#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "ir/convert.h"
#include "ir/made_names.h"

namespace godwit {

double HeldBytesOf(const Type& type) {
  if (!type.ranked()) return 1e6;
  double n = static_cast<double>(ByteSize(type.dtype()));
  for (const Dim& d : type.shape()) n *= d.is_static() ? static_cast<double>(d.value()) : 64;
  return n;
}

namespace {

// What a tensor is known by among others of its size.
struct Signature {
  int64_t count = 0;
  double sum = 0, power = 0;
  bool usable = false;
};
Signature SignatureOf(const RtValue& value) {
  Signature s;
  if (!value.is_tensor() || !IsFloat(value.tensor.dtype()) || value.tensor.size() < 2) return s;
  s.count = value.tensor.size();
  for (const double v : ToF64(value.tensor)) s.sum += v, s.power += v * v;
  s.usable = std::isfinite(s.power) && s.power > 0;
  return s;
}
bool Alike(const Signature& a, const Signature& b) {
  const double scale = std::sqrt(a.power * static_cast<double>(a.count));
  return a.usable && b.usable && a.count == b.count && std::fabs(a.power - b.power) <= 1e-4 * a.power &&
         std::fabs(a.sum - b.sum) <= 1e-4 * scale;
}

class Matching {
 public:
  Matching(const Graph& reference, const Graph& other)
      : reference_(reference),
        other_(other),
        ours_(TapsOf(reference)),
        theirs_(TapsOf(other)),
        twin_of_(ours_.size()),
        taken_(theirs_.size()) {}

  // Both branches of an if may use the same name: those in the same body first, then those that take as many turns.
  void ByName() {
    using Keyed = std::string (*)(const Graph&, const Tap&);
    constexpr Keyed kKeys[] = {
        [](const Graph& graph, const Tap& tap) { return graph.value(tap.id).name + "\n" + tap.place; },
        [](const Graph& graph, const Tap& tap) { return graph.value(tap.id).name + "\n" + std::to_string(tap.turns); }};
    for (const Keyed key : kKeys) {
      std::map<std::string, size_t> named;
      for (size_t i = 0; i < theirs_.size(); ++i) {
        const std::string& name = other_.value(theirs_[i].id).name;
        if (!taken_[i] && !name.empty() && !IsMadeName(name)) named.emplace(key(other_, theirs_[i]), i);
      }
      for (size_t i = 0; i < ours_.size(); ++i) {
        if (twin_of_[i]) continue;
        const auto it = named.find(key(reference_, ours_[i]));
        if (it != named.end() && !taken_[it->second]) Take(i, it->second, MatchedBy::kName);
      }
    }
  }

  // Several core operators may come from one source node: the last one makes what the source node makes.
  void ByOrigin() {
    const auto key = [](const Graph& graph, const Tap& tap) {
      const Origin& origin = graph.origin(graph.node(tap.node).origin);
      const bool named = !origin.node.empty() && !IsMadeName(origin.node);
      return named ? origin.node + "\n" + std::to_string(tap.index) + "\n" + tap.place : std::string();
    };
    std::map<std::string, size_t> last;
    for (size_t i = 0; i < theirs_.size(); ++i) {
      if (const std::string k = key(other_, theirs_[i]); !k.empty()) last[k] = i;
    }
    std::map<std::string, size_t> ours;
    for (size_t i = 0; i < ours_.size(); ++i) {
      if (const std::string k = key(reference_, ours_[i]); !k.empty()) ours[k] = i;
    }
    for (const auto& [k, i] : ours) {
      const auto it = last.find(k);
      if (it != last.end() && !twin_of_[i] && !taken_[it->second]) Take(i, it->second, MatchedBy::kOrigin);
    }
  }

  Status ByValue(const std::vector<RtValue>& inputs, const std::vector<RtValue>& other_inputs,
                 const SessionOptions& options) {
    std::vector<size_t> ours, theirs;
    for (size_t i = 0; i < ours_.size(); ++i) {
      if (!twin_of_[i]) ours.push_back(i);
    }
    for (size_t i = 0; i < theirs_.size(); ++i) {
      if (!taken_[i]) theirs.push_back(i);
    }
    if (ours.empty() || theirs.empty()) return Ok{};
    TRY(const auto a, Signatures(reference_, ours_, ours, inputs, options));
    TRY(const auto b, Signatures(other_, theirs_, theirs, other_inputs, options));
    // In order: a twin lies after the twins of what came before.
    size_t from = 0;
    for (size_t i = 0; i < ours.size(); ++i) {
      for (size_t k = from; k < theirs.size(); ++k) {
        if (taken_[theirs[k]] || !Alike(a[i], b[k])) continue;
        Take(ours[i], theirs[k], MatchedBy::kValue);
        from = k + 1;
        break;
      }
    }
    return Ok{};
  }

  [[nodiscard]] std::vector<Twins> All() const {
    std::vector<Twins> out;
    for (size_t i = 0; i < ours_.size(); ++i) {
      if (twin_of_[i]) out.push_back({ours_[i], twin_of_[i]->first, twin_of_[i]->second});
    }
    return out;
  }
  [[nodiscard]] size_t total() const { return ours_.size(); }

 private:
  void Take(size_t ours, size_t theirs, MatchedBy by) {
    twin_of_[ours] = {theirs_[theirs].id, by};
    taken_[theirs] = true;
  }

  static Result<std::vector<Signature>> Signatures(const Graph& graph, const std::vector<Tap>& all,
                                                   const std::vector<size_t>& which, const std::vector<RtValue>& inputs,
                                                   const SessionOptions& options) {
    std::vector<Signature> out;
    for (size_t from = 0; from < which.size();) {
      std::vector<ValueId> taps;
      double bytes = 0;
      while (from + taps.size() < which.size() && bytes < kHeldBytes) {
        taps.push_back(all[which[from + taps.size()]].id);
        bytes += HeldBytesOf(graph.value(taps.back()).type);
      }
      TRY(const auto values, RunTaps(graph, taps, inputs, options));
      for (const RtValue& v : values) out.push_back(SignatureOf(v));
      from += taps.size();
    }
    return out;
  }

  const Graph& reference_;
  const Graph& other_;
  std::vector<Tap> ours_, theirs_;
  std::vector<std::optional<std::pair<ValueId, MatchedBy>>> twin_of_;
  std::vector<bool> taken_;
};

}  // namespace

Result<std::vector<Twins>> FindTwins(const Graph& reference, const std::vector<RtValue>& inputs, const Graph& other,
                                     const std::vector<RtValue>& other_inputs, const SessionOptions& options,
                                     size_t* unmatched) {
  Matching matching(reference, other);
  matching.ByName();
  matching.ByOrigin();
  RETURN_IF_ERROR(matching.ByValue(inputs, other_inputs, options));
  std::vector<Twins> twins = matching.All();
  *unmatched = matching.total() - twins.size();
  return twins;
}

}  // namespace godwit
