#include "ir/type.h"

#include <gtest/gtest.h>

namespace godwit {
namespace {

TEST(Type, TextRoundTrip) {
  for (const char* text :
       {"?", "?[*]", "?[1,2]", "f32[]", "f32[*]", "f32[1,3,H,W]", "f8e4m3fnuz[2*N + 1]", "seq(f32[*])", "opt(i64[])",
        "map(i64,f32[*])", "seq(map(string,seq(opt(?))))", "resource", "c128[max(H, W),3]", "i8[4,8]{scales=[0.1]}",
        "u8[4,8]{scales=[0.1,1e-12],zeros=[3,-4],axis=1,block=2}"}) {
    Result<Type> type = Type::Parse(text);
    ASSERT_TRUE(type.ok()) << text << ": " << type.diag().what;
    EXPECT_EQ(type->ToString(), text);
    EXPECT_EQ(*Type::Parse(type->ToString()), *type);
  }
}

TEST(Type, RefusesBadText) {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "seq(";
  for (const std::string& text :
       {std::string(""), std::string("f33[1]"), std::string("f32"), std::string("f32[1"), std::string("map(f32)"),
        std::string("f32[1]x"), std::string("i8[1]{axis=9999}"), std::string("i8[1]{scales=0.1}"), deep}) {
    Result<Type> type = Type::Parse(text);
    ASSERT_FALSE(type.ok()) << text.substr(0, 20);
    EXPECT_EQ(type.diag().id, "ir.parse");
  }
}

TEST(Type, MeetAndJoin) {
  struct Case {
    const char* a;
    const char* b;
    const char* meet;  // null: contradiction
    const char* join;
  };
  const Case cases[] = {
      {"?", "f32[1]", "f32[1]", "?"},
      {"f32[*]", "f32[1,N]", "f32[1,N]", "f32[*]"},
      {"f32[M,N]", "f32[2,N]", "f32[2,N]", "f32[b_0,N]"},
      {"f32[1]", "f32[2]", nullptr, "f32[b_0]"},
      {"f32[1]", "f32[1,1]", nullptr, "f32[*]"},
      {"f32[1]", "i64[1]", nullptr, "?[1]"},
      {"?[*]", "i64[1]", "i64[1]", "?[*]"},
      {"f32[1]", "seq(f32[1])", nullptr, "?"},
      {"seq(f32[1])", "seq(f32[N])", "seq(f32[1])", "seq(f32[b_0])"},
      {"opt(f32[1])", "opt(f32[1])", "opt(f32[1])", "opt(f32[1])"},
      {"map(i64,?)", "map(i64,f32[])", "map(i64,f32[])", "map(i64,?)"},
      {"map(i64,?)", "map(string,?)", nullptr, "?"},
      {"i8[2]{scales=[1]}", "i8[2]", "i8[2]{scales=[1]}", "i8[2]"},
      {"i8[2]{scales=[1]}", "i8[2]{scales=[2]}", nullptr, "i8[2]"},
      {"resource", "resource", "resource", "resource"},
  };
  for (const Case& c : cases) {
    const Type a = *Type::Parse(c.a);
    const Type b = *Type::Parse(c.b);
    const std::optional<Type> meet = Meet(a, b);
    EXPECT_EQ(meet ? meet->ToString() : "none", c.meet == nullptr ? "none" : c.meet) << c.a << " " << c.b;
    EXPECT_EQ(Join(a, b, "b").ToString(), c.join) << c.a << " " << c.b;
  }
}

}  // namespace
}  // namespace godwit
