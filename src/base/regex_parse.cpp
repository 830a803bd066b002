#include "base/regex_parse.h"

#include <utility>

#include "base/text.h"
#include "base/unicode.h"

namespace godwit {

namespace {

using Ranges = std::vector<Regex::Range>;
constexpr char32_t kLastChar = 0x10FFFF;
constexpr int kMaxDepth = 200;
constexpr int kMaxRepeat = 1000;  // as RE2 has it

struct NamedClass {
  std::string_view name;
  std::string_view pairs;  ///< first and last characters of its ranges
};
constexpr NamedClass kPosix[] = {{"alnum", "09AZaz"},
                                 {"alpha", "AZaz"},
                                 {"ascii", std::string_view("\0\x7F", 2)},
                                 {"blank", "\t\t  "},
                                 {"cntrl", std::string_view("\0\x1F\x7F\x7F", 4)},
                                 {"digit", "09"},
                                 {"graph", "!~"},
                                 {"lower", "az"},
                                 {"print", " ~"},
                                 {"punct", "!/:@[`{~"},
                                 {"space", "\t\r  "},
                                 {"upper", "AZ"},
                                 {"word", "09AZaz__"},
                                 {"xdigit", "09AFaf"}};

Ranges FromPairs(std::string_view pairs) {
  Ranges out;
  for (size_t i = 0; i + 1 < pairs.size(); i += 2) {
    out.push_back({static_cast<unsigned char>(pairs[i]), static_cast<unsigned char>(pairs[i + 1])});
  }
  return out;
}

// What is not in the ranges.
Ranges Complement(const Ranges& ranges) {
  Ranges out;
  char32_t next = 0;
  while (next <= kLastChar) {
    // The lowest range that ends at or after `next`.
    const Regex::Range* best = nullptr;
    for (const Regex::Range& r : ranges) {
      if (r.last >= next && (best == nullptr || r.first < best->first)) best = &r;
    }
    if (best == nullptr) {
      out.push_back({next, kLastChar});
      break;
    }
    if (best->first > next) out.push_back({next, best->first - 1});
    if (best->last >= next) next = best->last + 1;
  }
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view pattern) : text_(DecodeUtf8(pattern)) {}

  std::optional<RegexTree> Run(std::string* error) {
    auto root = Alternatives(0);
    if (root && at_ < text_.size()) root = Fail("a ')' without its '('");
    if (!root) {
      *error = error_;
      return std::nullopt;
    }
    tree_.root = *root;
    return std::move(tree_);
  }

 private:
  using Node = std::optional<uint32_t>;
  struct Flags {
    bool fold_case = false, multi_line = false, dot_all = false;
  };

  std::nullopt_t Fail(std::string_view why) {
    if (error_.empty()) error_ = std::string(why);
    return std::nullopt;
  }
  [[nodiscard]] bool More() const { return at_ < text_.size(); }
  [[nodiscard]] char32_t Peek(size_t k = 0) const { return at_ + k < text_.size() ? text_[at_ + k] : 0; }
  bool Take(char32_t c) {
    if (!More() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  uint32_t Add(RegexNode node) {
    tree_.nodes.push_back(std::move(node));
    return static_cast<uint32_t>(tree_.nodes.size() - 1);
  }
  uint32_t AddSet(Ranges set, bool negated = false) {
    RegexNode node;
    node.kind = RegexNode::Kind::kSet;
    node.set = std::move(set);
    node.negated = negated;
    node.fold_case = flags_.fold_case;
    return Add(std::move(node));
  }
  uint32_t AddAssert(Regex::Place place) {
    RegexNode node;
    node.kind = RegexNode::Kind::kAssert;
    node.place = place;
    return Add(std::move(node));
  }

  Node Alternatives(int depth) {
    if (depth > kMaxDepth) return Fail("groups are nested too deep");
    const Flags outer = flags_;
    RegexNode node;
    node.kind = RegexNode::Kind::kAlternate;
    do {
      Node branch = Sequence(depth);
      if (!branch) return std::nullopt;
      node.children.push_back(*branch);
    } while (Take(U'|'));
    flags_ = outer;
    return node.children.size() == 1 ? node.children[0] : Add(std::move(node));
  }

  Node Sequence(int depth) {
    RegexNode node;
    node.kind = RegexNode::Kind::kConcat;
    while (More() && Peek() != U'|' && Peek() != U')') {
      Node part = Atom(depth, &node.children);
      if (!part) {
        if (!error_.empty()) return std::nullopt;
        continue;  // flags or a quoted run: nothing to repeat
      }
      part = Repeats(*part);
      if (!part) return std::nullopt;
      node.children.push_back(*part);
    }
    return Add(std::move(node));
  }

  Node Repeats(uint32_t atom) {
    for (int times = 0; More(); ++times) {
      int least = 0;
      int most = -1;
      if (Take(U'*')) {
      } else if (Take(U'+')) {
        least = 1;
      } else if (Take(U'?')) {
        most = 1;
      } else if (Peek() != U'{' || !Counts(&least, &most)) {
        if (!error_.empty()) return std::nullopt;
        return atom;
      }
      if (times > 0) return Fail("a repetition of a repetition");
      Take(U'?');  // lazy or not, the same texts match as a whole
      RegexNode node;
      node.kind = RegexNode::Kind::kRepeat;
      node.least = least;
      node.most = most;
      node.children = {atom};
      atom = Add(std::move(node));
    }
    return atom;
  }

  // {n}, {n,} or {n,m}; anything else is a literal brace.
  bool Counts(int* least, int* most) {
    size_t k = 1;
    const auto number = [&](int* out) {
      const size_t start = k;
      int value = 0;
      for (; Peek(k) >= U'0' && Peek(k) <= U'9'; ++k)
        value = std::min(value * 10 + static_cast<int>(Peek(k) - U'0'), 100000);
      *out = value;
      return k > start;
    };
    if (!number(least)) return false;
    *most = *least;
    if (Peek(k) == U',') {
      ++k;
      if (!number(most)) *most = -1;
    }
    if (Peek(k) != U'}') return false;
    if (*least > kMaxRepeat || *most > kMaxRepeat || (*most >= 0 && *most < *least)) {
      Fail("a repetition count out of range");
      return false;
    }
    at_ += k + 1;
    return true;
  }

  Node Atom(int depth, std::vector<uint32_t>* sequence) {
    const char32_t c = text_[at_++];
    switch (c) {
      case U'(': return Group(depth);
      case U'[': return Class();
      case U'.':
        return AddSet({{flags_.dot_all ? kLastChar + 1 : U'\n', flags_.dot_all ? kLastChar + 1 : U'\n'}}, true);
      case U'^': return AddAssert(flags_.multi_line ? Regex::Place::kLineStart : Regex::Place::kTextStart);
      case U'$': return AddAssert(flags_.multi_line ? Regex::Place::kLineEnd : Regex::Place::kTextEnd);
      case U'*':
      case U'+':
      case U'?': return Fail("nothing to repeat");
      case U'\\': return Escape(sequence);
      default: return AddSet({{c, c}});
    }
  }

  Node Group(int depth) {
    if (Take(U'?')) {
      if (Peek() == U'P' || Peek() == U'<') {
        Take(U'P');
        if (!Take(U'<') || Peek() == U'=' || Peek() == U'!') return Fail("a kind of group that is not supported");
        while (More() && Peek() != U'>') ++at_;
        if (!Take(U'>')) return Fail("a group's name does not end");
      } else if (!Take(U':')) {
        bool on = true;
        Flags flags = flags_;
        for (; More() && Peek() != U')' && Peek() != U':'; ++at_) {
          switch (Peek()) {
            case U'-': on = false; break;
            case U'i': flags.fold_case = on; break;
            case U'm': flags.multi_line = on; break;
            case U's': flags.dot_all = on; break;
            case U'U': break;
            default: return Fail("a kind of group that is not supported");
          }
        }
        if (Take(U')')) {
          flags_ = flags;  // until the enclosing group ends
          return std::nullopt;
        }
        if (!Take(U':')) return Fail("a group does not end");
        const Flags outer = std::exchange(flags_, flags);
        Node body = Alternatives(depth + 1);
        flags_ = outer;
        if (body && !Take(U')')) return Fail("a group does not end");
        return body;
      }
    }
    Node body = Alternatives(depth + 1);
    if (body && !Take(U')')) return Fail("a group does not end");
    return body;
  }

  // Perl classes; nothing for other letters.
  static std::optional<Ranges> PerlClass(char32_t c) {
    std::string_view pairs;
    switch (c | 0x20) {
      case U'd': pairs = "09"; break;
      case U'w': pairs = "09AZaz__"; break;
      case U's': pairs = "\t\n\f\r  "; break;
      default: return std::nullopt;
    }
    return (c & 0x20) != 0 ? FromPairs(pairs) : Complement(FromPairs(pairs));
  }

  Node Escape(std::vector<uint32_t>* sequence) {
    if (!More()) return Fail("a '\\' at the end");
    const char32_t c = Peek();
    if (c == U'Q') {
      for (++at_; More() && !(Peek() == U'\\' && Peek(1) == U'E'); ++at_)
        sequence->push_back(AddSet({{Peek(), Peek()}}));
      at_ += More() ? 2 : 0;
      return std::nullopt;
    }
    constexpr std::pair<char32_t, Regex::Place> kPlaces[] = {{U'A', Regex::Place::kTextStart},
                                                             {U'z', Regex::Place::kTextEnd},
                                                             {U'b', Regex::Place::kWordEdge},
                                                             {U'B', Regex::Place::kNoWordEdge}};
    for (const auto& [letter, place] : kPlaces) {
      if (c != letter) continue;
      ++at_;
      return AddAssert(place);
    }
    if (auto set = PerlClass(c)) {
      ++at_;
      return AddSet(*std::move(set));
    }
    if (c == U'C') {
      ++at_;
      return AddSet({{0, kLastChar}});
    }
    const auto literal = EscapedChar();
    if (!literal) return std::nullopt;
    return AddSet({{*literal, *literal}});
  }

  static int HexDigit(char32_t c) {
    if (c >= U'0' && c <= U'9') return static_cast<int>(c - U'0');
    if ((c | 0x20) >= U'a' && (c | 0x20) <= U'f') return static_cast<int>((c | 0x20) - U'a') + 10;
    return -1;
  }

  std::optional<char32_t> EscapedChar() {
    const char32_t c = text_[at_++];
    switch (c) {
      case U'a': return U'\a';
      case U'f': return U'\f';
      case U'n': return U'\n';
      case U'r': return U'\r';
      case U't': return U'\t';
      case U'v': return U'\v';
      case U'x': {
        const bool braces = Take(U'{');
        char32_t value = 0;
        int digits = 0;
        while (More() && HexDigit(Peek()) >= 0 && digits < (braces ? 8 : 2)) {
          value = std::min<char32_t>(value * 16 + static_cast<char32_t>(HexDigit(text_[at_++])), kLastChar + 1);
          ++digits;
        }
        if (digits == 0 || (!braces && digits != 2) || (braces && !Take(U'}')) || value > kLastChar) {
          return Fail("a \\x escape that is no character");
        }
        return value;
      }
      default: break;
    }
    if (c == U'0') {
      char32_t value = 0;
      for (int k = 0; k < 2 && Peek() >= U'0' && Peek() <= U'7' && More(); ++k)
        value = value * 8 + (text_[at_++] - U'0');
      return value;
    }
    const bool letter = (c >= U'0' && c <= U'9') || ((c | 0x20) >= U'a' && (c | 0x20) <= U'z');
    if (letter) return Fail("an escape that is not supported");
    return c;
  }

  Node Class() {
    const bool negated = Take(U'^');
    Ranges set;
    for (bool first = true; first || Peek() != U']'; first = false) {
      if (!More()) return Fail("a '[' without its ']'");
      if (Peek() == U'[' && Peek(1) == U':') {
        if (!PosixClass(&set)) return std::nullopt;
        continue;
      }
      if (Peek() == U'\\' && at_ + 1 < text_.size()) {
        if (auto perl = PerlClass(Peek(1))) {
          at_ += 2;
          set.insert(set.end(), perl->begin(), perl->end());
          continue;
        }
      }
      const auto low = ClassChar();
      if (!low) return std::nullopt;
      char32_t high = *low;
      if (Peek() == U'-' && Peek(1) != U']' && at_ + 1 < text_.size()) {
        ++at_;
        const auto end = ClassChar();
        if (!end) return std::nullopt;
        high = *end;
      }
      if (high < *low) return Fail("a range whose end comes before its start");
      set.push_back({*low, high});
    }
    ++at_;
    return AddSet(std::move(set), negated);
  }

  std::optional<char32_t> ClassChar() {
    const char32_t c = text_[at_++];
    if (c != U'\\') return c;
    if (!More()) return Fail("a '\\' at the end");
    return EscapedChar();
  }

  bool PosixClass(Ranges* set) {
    at_ += 2;
    const bool negated = Take(U'^');
    std::string name;
    while (More() && Peek() != U':' && name.size() < 16) name.push_back(static_cast<char>(text_[at_++]));
    if (Take(U':') && Take(U']')) {
      for (const NamedClass& known : kPosix) {
        if (known.name != name) continue;
        Ranges ranges = FromPairs(known.pairs);
        if (negated) ranges = Complement(std::move(ranges));
        set->insert(set->end(), ranges.begin(), ranges.end());
        return true;
      }
    }
    Fail("an unknown character class");
    return false;
  }

  std::vector<char32_t> text_;
  size_t at_ = 0;
  Flags flags_;
  RegexTree tree_;
  std::string error_;
};

}  // namespace

std::optional<RegexTree> ParseRegex(std::string_view pattern, std::string* error) { return Parser(pattern).Run(error); }

}  // namespace godwit
