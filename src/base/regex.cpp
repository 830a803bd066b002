#include "base/regex.h"

#include "base/regex_parse.h"
#include "base/unicode.h"

namespace godwit {

namespace {

constexpr size_t kMaxSteps = 1U << 16;

// Turns the tree into steps; repetition counts copy their bodies. Depth is that of the groups, which is limited.
class Compiler {
 public:
  Compiler(const RegexTree& tree, std::vector<Regex::Step>* steps, std::vector<std::vector<Regex::Range>>* sets)
      : tree_(tree), steps_(steps), set_of_(tree.nodes.size(), UINT32_MAX), sets_(sets) {}

  bool Run() { return Emit(tree_.root) && Push({}); }

 private:
  bool Push(Regex::Step step) {
    if (steps_->size() >= kMaxSteps) return false;
    steps_->push_back(step);
    return true;
  }
  [[nodiscard]] uint32_t Here() const { return static_cast<uint32_t>(steps_->size()); }
  static Regex::Step Of(Regex::Kind kind) {
    Regex::Step step;
    step.kind = kind;
    return step;
  }

  bool Emit(uint32_t id) {
    const RegexNode& node = tree_.nodes[id];
    switch (node.kind) {
      case RegexNode::Kind::kEmpty: return true;
      case RegexNode::Kind::kSet: {
        if (set_of_[id] == UINT32_MAX) {
          set_of_[id] = static_cast<uint32_t>(sets_->size());
          sets_->push_back(node.set);
        }
        Regex::Step step = Of(Regex::Kind::kSet);
        step.negated = node.negated;
        step.fold_case = node.fold_case;
        step.next = set_of_[id];
        return Push(step);
      }
      case RegexNode::Kind::kAssert: {
        Regex::Step step = Of(Regex::Kind::kAssert);
        step.place = node.place;
        return Push(step);
      }
      case RegexNode::Kind::kConcat:
        for (uint32_t child : node.children) {
          if (!Emit(child)) return false;
        }
        return true;
      case RegexNode::Kind::kAlternate: return EmitAlternate(node);
      case RegexNode::Kind::kRepeat: return EmitRepeat(node);
    }
    return false;
  }

  bool EmitAlternate(const RegexNode& node) {
    std::vector<uint32_t> jumps;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const bool last = i + 1 == node.children.size();
      const uint32_t split = Here();
      if (!last && !Push(Of(Regex::Kind::kSplit))) return false;
      if (!Emit(node.children[i])) return false;
      if (last) break;
      jumps.push_back(Here());
      if (!Push(Of(Regex::Kind::kJump))) return false;
      (*steps_)[split].next = split + 1;
      (*steps_)[split].other = Here();
    }
    for (uint32_t j : jumps) (*steps_)[j].next = Here();
    return true;
  }

  bool EmitRepeat(const RegexNode& node) {
    const uint32_t body = node.children[0];
    for (int i = 0; i < node.least; ++i) {
      const uint32_t before = Here();
      if (!Emit(body)) return false;
      if (Here() == before) break;  // repeating nothing is nothing, however often
    }
    if (node.most < 0) {
      const uint32_t split = Here();
      if (!Push(Of(Regex::Kind::kSplit)) || !Emit(body)) return false;
      Regex::Step back = Of(Regex::Kind::kJump);
      back.next = split;
      if (!Push(back)) return false;
      (*steps_)[split].next = split + 1;
      (*steps_)[split].other = Here();
      return true;
    }
    std::vector<uint32_t> splits;
    for (int i = node.least; i < node.most; ++i) {
      splits.push_back(Here());
      if (!Push(Of(Regex::Kind::kSplit)) || !Emit(body)) return false;
    }
    for (uint32_t s : splits) {
      (*steps_)[s].next = s + 1;
      (*steps_)[s].other = Here();
    }
    return true;
  }

  const RegexTree& tree_;
  std::vector<Regex::Step>* steps_;
  std::vector<uint32_t> set_of_;
  std::vector<std::vector<Regex::Range>>* sets_;
};

bool IsWord(char32_t c) {
  return (c >= U'0' && c <= U'9') || (c >= U'A' && c <= U'Z') || (c >= U'a' && c <= U'z') || c == U'_';
}

bool Holds(Regex::Place place, const std::vector<char32_t>& text, size_t at) {
  const bool start = at == 0;
  const bool end = at == text.size();
  const bool edge = (!start && IsWord(text[at - 1])) != (!end && IsWord(text[at]));
  switch (place) {
    case Regex::Place::kTextStart: return start;
    case Regex::Place::kTextEnd: return end;
    case Regex::Place::kLineStart: return start || text[at - 1] == U'\n';
    case Regex::Place::kLineEnd: return end || text[at] == U'\n';
    case Regex::Place::kWordEdge: return edge;
    case Regex::Place::kNoWordEdge: return !edge;
  }
  return false;
}

bool InSet(const std::vector<Regex::Range>& set, char32_t c) {
  for (const Regex::Range& r : set) {
    if (c >= r.first && c <= r.last) return true;
  }
  return false;
}

}  // namespace

std::optional<Regex> Regex::Compile(std::string_view pattern, std::string* error) {
  auto tree = ParseRegex(pattern, error);
  if (!tree) return std::nullopt;
  Regex out;
  if (!Compiler(*tree, &out.steps_, &out.sets_).Run()) {
    *error = "the expression is too large";
    return std::nullopt;
  }
  return out;
}

// All ways at once: the set of steps that some way of reading the text so far can stand before.
bool Regex::FullMatch(std::string_view bytes) const {
  const std::vector<char32_t> text = DecodeUtf8(bytes);
  std::vector<uint32_t> now, next, pending;
  std::vector<size_t> seen(steps_.size(), SIZE_MAX);
  bool matched = false;
  const auto enter = [&](uint32_t step, size_t at, std::vector<uint32_t>* list) {
    pending.assign(1, step);
    while (!pending.empty()) {
      const uint32_t s = pending.back();
      pending.pop_back();
      if (seen[s] == at) continue;
      seen[s] = at;
      const Step& here = steps_[s];
      switch (here.kind) {
        case Kind::kSet: list->push_back(s); break;
        case Kind::kJump: pending.push_back(here.next); break;
        case Kind::kSplit:
          pending.push_back(here.other);
          pending.push_back(here.next);
          break;
        case Kind::kAssert:
          if (Holds(here.place, text, at)) pending.push_back(s + 1);
          break;
        case Kind::kMatch: matched = matched || at == text.size(); break;
      }
    }
  };
  enter(0, 0, &now);
  for (size_t at = 0; at < text.size() && !now.empty(); ++at) {
    next.clear();
    const char32_t c = text[at];
    for (uint32_t s : now) {
      const Step& here = steps_[s];
      const std::vector<Range>& set = sets_[here.next];
      bool in = InSet(set, c);
      if (here.fold_case) in = in || InSet(set, ToLower(c)) || InSet(set, ToUpper(c));
      if (in != here.negated) enter(s + 1, at + 1, &next);
    }
    std::swap(now, next);
  }
  return matched;
}

}  // namespace godwit
