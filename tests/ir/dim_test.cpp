#include "ir/dim.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace godwit {
namespace {

Dim P(std::string_view text) {
  Result<Dim> dim = Dim::Parse(text);
  EXPECT_TRUE(dim.ok()) << text << ": " << (dim.ok() ? "" : dim.diag().what);
  return dim.ok() ? *dim : Dim(-1);
}

TEST(Dim, CanonicalText) {
  struct Case {
    const char* in;
    const char* out;
  };
  const Case cases[] = {
      {"3", "3"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"N", "N"},
      {"1 + 2*N", "2*N + 1"},
      {"W*H", "H*W"},
      {"N + N", "2*N"},
      {"N - N", "0"},
      {"(N + 1)*(N - 1)", "N^2 - 1"},
      {"-N + 3", "-N + 3"},
      {"\"a b\" + 1", "\"a b\" + 1"},
      {"floor((4*H + 6)/2)", "2*H + 3"},
      {"floor((2*H + 3)/4)", "floor((H + 1)/2)"},
      {"floor((H - 1)/2) + 1", "floor((H + 1)/2)"},
      {"ceil(H/2)", "floor((H + 1)/2)"},
      {"floor(floor((H - 1)/2)/2) + 1", "floor((H + 3)/4)"},
      {"floor((3*H + 1)/2)", "H + floor((H + 1)/2)"},
      {"H//2", "floor(H/2)"},
      {"H % 2", "H - 2*floor(H/2)"},
      {"(N*C*H*W)//(N*C)", "H*W"},
      {"(N^2 - 1)//(N + 1)", "N - 1"},
      {"floor((2*N*H)/(2*N*W))", "floor(H/W)"},
      {"floor((N*W + 1)/N)", "W + floor(1/N)"},
      {"max(H, H + 1, 2*H + 4)", "2*H + 4"},
      {"min(H, 9223372036854775807)", "H"},
      {"max(W, H)", "max(H, W)"},
      {"max(max(C, B), A, C)", "max(A, B, C)"},
      {"H//0", "0"},
      {"mod(-7, 3)", "2"},
      {"mod(7, -3)", "-2"},
      {"-9223372036854775808 % 3", "1"},
      {"floor(-7/3)", "-3"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(P(c.in).ToString(), c.out) << c.in;
    EXPECT_EQ(P(P(c.in).ToString()), P(c.in)) << c.in;
  }
}

TEST(Dim, RefusesBadText) {
  std::string deep(100000, '(');
  std::string minus(100000, '-');
  std::string sums = "N";
  for (int i = 0; i < 5000; ++i) sums += "*(N+M+1)";
  for (const std::string& text : {std::string(""), std::string("N +"), std::string("floor(N)"), std::string("f(N)"),
                                  std::string("99999999999999999999"), std::string("N^-1"), std::string("N N"),
                                  std::string("\"open"), deep, minus, sums}) {
    Result<Dim> dim = Dim::Parse(text);
    ASSERT_FALSE(dim.ok()) << text.substr(0, 20);
    EXPECT_EQ(dim.diag().id, "ir.parse");
  }
}

TEST(Dim, OverflowIsOpaqueAndDeterministic) {
  const Dim huge = std::numeric_limits<int64_t>::max();
  const Dim n = Dim::Symbol("N");
  for (const Dim& d : {huge + huge, huge * huge, huge * n * 4, huge * n + huge * n}) EXPECT_FALSE(d.is_static());
  EXPECT_EQ(huge * huge, huge * huge);
  EXPECT_FALSE(huge * huge == huge + huge);
  EXPECT_FALSE((Dim::FloorDiv(std::numeric_limits<int64_t>::min(), -1)).is_static());
  const Dim smallest = std::numeric_limits<int64_t>::min();
  for (const Dim& d : {smallest * n, smallest * n + 1, smallest * n - n}) {
    for (const Dim& by : {Dim(-1), Dim(3), Dim(2), smallest, n * Dim(-1), n, n * smallest, n * 3}) {
      EXPECT_EQ(Dim::FloorDiv(d, by), Dim::FloorDiv(d, by));
      EXPECT_EQ(Dim::CeilDiv(d, by), Dim::CeilDiv(d, by));
      EXPECT_EQ(Dim::Max(d, by), Dim::Max(by, d));
      EXPECT_EQ(P(Dim::Mod(d, by).ToString()), Dim::Mod(d, by));
    }
  }
  Dim power = n + Dim::Symbol("M");
  for (int i = 0; i < 40; ++i) power = power * power;
  EXPECT_LT(power.ToString().size(), 4096U);
  Dim nested = n;
  for (int i = 0; i < 1000; ++i) nested = Dim::Max(Dim::FloorDiv(nested * 3 + 1, Dim::Symbol("D")), n);
  EXPECT_LT(nested.ToString().size(), 4096U);
  EXPECT_EQ(P(nested.ToString()), nested);
}

TEST(Dim, SubstitutionAgreesWithConcreteArithmetic) {
  std::mt19937 random(7);
  const char* names[] = {"A", "B", "C"};
  for (int round = 0; round < 300; ++round) {
    int64_t values[3];
    for (int64_t& v : values) v = static_cast<int64_t>(random() % 40);
    std::vector<std::pair<Dim, int64_t>> pool;
    for (int i = 0; i < 3; ++i) pool.emplace_back(Dim::Symbol(names[i]), values[i]);
    pool.emplace_back(static_cast<int64_t>(random() % 5) - 2, 0);
    pool.back().second = pool.back().first.value();
    for (int step = 0; step < 8; ++step) {
      const auto a = pool[random() % pool.size()];
      const auto b = pool[random() % pool.size()];
      std::pair<Dim, int64_t> made;
      auto floor_div = [](int64_t x, int64_t y) {
        if (y == 0) return int64_t{0};
        return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);
      };
      const bool small = std::abs(a.second) < 100000 && std::abs(b.second) < 100000;
      switch (random() % 7) {
        case 0: made = {a.first + b.first, a.second + b.second}; break;
        case 1: made = {a.first - b.first, a.second - b.second}; break;
        case 2: made = small ? std::pair{a.first * b.first, a.second * b.second} : a; break;
        case 3:
          // A symbolic divisor is taken to be positive.
          if (b.second > 0 || b.first.is_static())
            made = {Dim::FloorDiv(a.first, b.first), floor_div(a.second, b.second)};
          break;
        case 4: {
          const int64_t divisor = 1 + static_cast<int64_t>(random() % 6);
          made = {Dim::Mod(a.first, divisor), a.second - divisor * floor_div(a.second, divisor)};
          break;
        }
        case 5: made = {Dim::Max(a.first, b.first), std::max(a.second, b.second)}; break;
        default: made = {Dim::Min(a.first, b.first), std::min(a.second, b.second)}; break;
      }
      const Dim put = made.first.Substitute([&](const std::string& name) -> std::optional<Dim> {
        for (int i = 0; i < 3; ++i) {
          if (name == names[i]) return Dim(values[i]);
        }
        return std::nullopt;
      });
      ASSERT_EQ(put.known(), made.second)
          << made.first.ToString() << " with A=" << values[0] << " B=" << values[1] << " C=" << values[2];
      ASSERT_EQ(P(made.first.ToString()), made.first) << made.first.ToString();
      pool.push_back(made);
    }
  }
}

TEST(Dim, SymbolsAndShapes) {
  EXPECT_EQ(Dim::Symbol("N").symbol(), "N");
  EXPECT_FALSE((Dim::Symbol("N") + 1).symbol().has_value());
  std::vector<std::string> names;
  P("max(N, floor(H/2)) + N").CollectSymbols(&names);
  EXPECT_EQ(names.size(), 2U);
  const Shape shape = {1, Dim::Symbol("H"), Dim::Symbol("H")};
  EXPECT_EQ(ToString(shape), "[1,H,H]");
  EXPECT_EQ(ElementCount(shape).ToString(), "H^2");
  EXPECT_FALSE(IsStatic(shape));
}

}  // namespace
}  // namespace godwit
