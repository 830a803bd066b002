#include "passes/layout/min_cut.h"

#include <utility>

namespace godwit::layout {

namespace {

// What must not be is a large number here, and many of them have to cancel out exactly.
using Wide = __int128;

// Which variables to turn around so that no pair costs less unlike than alike; empty where there is no such way.
std::vector<uint8_t> Turns(const Pbqp& problem) {
  struct Link {
    uint32_t to;
    uint8_t unlike;
  };
  std::vector<std::vector<Link>> links(problem.size());
  for (const Pbqp::Joint& j : problem.joints()) {
    const Cost sway = j.costs[0] + j.costs[3] - j.costs[1] - j.costs[2];
    if (sway == 0) continue;
    const uint8_t unlike = sway > 0;
    links[j.a].push_back({j.b, unlike});
    links[j.b].push_back({j.a, unlike});
  }
  constexpr uint8_t kOpen = 2;
  std::vector<uint8_t> turn(problem.size(), kOpen);
  std::vector<uint32_t> work;
  for (uint32_t root = 0; root < turn.size(); ++root) {
    if (turn[root] != kOpen) continue;
    turn[root] = 0;
    work.push_back(root);
    while (!work.empty()) {
      const uint32_t v = work.back();
      work.pop_back();
      for (const Link& link : links[v]) {
        const uint8_t want = turn[v] ^ link.unlike;
        if (turn[link.to] == kOpen) {
          turn[link.to] = want;
          work.push_back(link.to);
        } else if (turn[link.to] != want) {
          return {};
        }
      }
    }
  }
  return turn;
}

// Maximum flow by blocking flows in layers. Nodes beyond the variables are the source and the sink.
class Network {
 public:
  explicit Network(size_t n) : first_(n), level_(n), next_(n) {}

  void Pipe(uint32_t from, uint32_t to, Wide there, Wide back) {
    first_[from].push_back(static_cast<uint32_t>(pipes_.size()));
    pipes_.push_back({to, there});
    first_[to].push_back(static_cast<uint32_t>(pipes_.size()));
    pipes_.push_back({from, back});
  }

  void Fill(uint32_t source, uint32_t sink) {
    for (Layer(source); level_[sink] >= 0; Layer(source)) {
      std::fill(next_.begin(), next_.end(), 0U);
      Block(source, sink);
    }
  }
  /// After Fill: whether the source still reaches it.
  [[nodiscard]] bool OnSourceSide(uint32_t v) const { return level_[v] >= 0; }

 private:
  struct Flow {
    uint32_t to;
    Wide room;
  };

  void Layer(uint32_t source) {
    std::fill(level_.begin(), level_.end(), -1);
    level_[source] = 0;
    std::vector<uint32_t> queue = {source};
    for (size_t i = 0; i < queue.size(); ++i) {
      for (const uint32_t p : first_[queue[i]]) {
        const uint32_t to = pipes_[p].to;
        if (pipes_[p].room <= 0 || level_[to] >= 0) continue;
        level_[to] = level_[queue[i]] + 1;
        queue.push_back(to);
      }
    }
  }

  // Walks from the source along layers, keeping the way in `path`, and sends what fits whenever it meets the sink.
  void Block(uint32_t source, uint32_t sink) {
    std::vector<uint32_t> path;
    uint32_t at = source;
    while (true) {
      if (at == sink) {
        Wide fits = pipes_[path[0]].room;
        for (const uint32_t p : path) fits = std::min(fits, pipes_[p].room);
        size_t keep = path.size();
        for (size_t i = path.size(); i-- > 0;) {
          pipes_[path[i]].room -= fits;
          pipes_[path[i] ^ 1U].room += fits;
          if (pipes_[path[i]].room == 0) keep = i;
        }
        path.resize(keep);
        at = path.empty() ? source : pipes_[path.back()].to;
        continue;
      }
      bool moved = false;
      for (uint32_t& k = next_[at]; k < first_[at].size(); ++k) {
        const uint32_t p = first_[at][k];
        if (pipes_[p].room <= 0 || level_[pipes_[p].to] != level_[at] + 1) continue;
        path.push_back(p);
        at = pipes_[p].to;
        moved = true;
        break;
      }
      if (moved) continue;
      if (path.empty()) return;
      path.pop_back();
      at = path.empty() ? source : pipes_[path.back()].to;
      ++next_[at];
    }
  }

  std::vector<Flow> pipes_;
  std::vector<std::vector<uint32_t>> first_;
  std::vector<int64_t> level_;
  std::vector<uint32_t> next_;
};

}  // namespace

std::optional<std::vector<uint32_t>> SolveByCut(const Pbqp& problem) {
  for (uint32_t v = 0; v < problem.size(); ++v) {
    if (problem.States(v) != 2) return std::nullopt;
  }
  const std::vector<uint8_t> turn = Turns(problem);
  if (turn.size() != problem.size()) return std::nullopt;
  // State 0 (after turning) is the source's side.
  const auto source = static_cast<uint32_t>(problem.size());
  const uint32_t sink = source + 1;
  Network network(problem.size() + 2);
  std::vector<Wide> leaning(problem.size());  // what state 1 costs more than state 0
  for (uint32_t v = 0; v < problem.size(); ++v) {
    const std::vector<Cost>& c = problem.alone()[v];
    leaning[v] = Wide{c[turn[v] ^ 1U]} - c[turn[v]];
  }
  for (const Pbqp::Joint& j : problem.joints()) {
    const auto cost = [&](uint32_t a, uint32_t b) -> Cost { return j.costs[(a ^ turn[j.a]) * 2 + (b ^ turn[j.b])]; };
    leaning[j.a] += cost(1, 0) - cost(0, 0);
    leaning[j.b] += cost(1, 1) - cost(1, 0);
    const Cost unlike = cost(0, 1) + cost(1, 0) - cost(0, 0) - cost(1, 1);
    if (unlike > 0) network.Pipe(j.a, j.b, unlike, 0);
  }
  for (uint32_t v = 0; v < problem.size(); ++v) {
    const Wide lean = leaning[v];
    if (lean > 0) network.Pipe(source, v, lean, 0);
    if (lean < 0) network.Pipe(v, sink, -lean, 0);
  }
  network.Fill(source, sink);
  std::vector<uint32_t> choice(problem.size());
  for (uint32_t v = 0; v < problem.size(); ++v) choice[v] = (network.OnSourceSide(v) ? 0U : 1U) ^ turn[v];
  return choice;
}

}  // namespace godwit::layout
