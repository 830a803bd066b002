#include "ir/tensor.h"

#include <gtest/gtest.h>

#include "ir/attrs.h"
#include "ir/graph.h"

namespace godwit {
namespace {

TEST(Tensor, SizesAreChecked) {
  EXPECT_EQ(*CheckedByteSize(DType::kF32, {2, 3}), 24);
  EXPECT_EQ(*CheckedByteSize(DType::kF32, {0, 1 << 20}), 0);
  EXPECT_EQ(CheckedByteSize(DType::kF32, {2, -1}).diag().id, "tensor.shape");
  EXPECT_EQ(CheckedByteSize(DType::kF64, {int64_t{1} << 62, int64_t{1} << 62}).diag().id, "limit.exceeded");
  EXPECT_EQ(CheckedByteSize(DType::kF64, {0, int64_t{1} << 62, int64_t{1} << 62}).diag().id, "limit.exceeded");
  EXPECT_FALSE(Tensor::Make(DType::kF64, {int64_t{1} << 50}).ok());
}

TEST(Tensor, OwnsAlignedMemoryAndSharesIt) {
  const Tensor t = Tensor::F32({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t.raw()) % 64, 0U);
  const Tensor r = t.Reshaped({3, 2});
  EXPECT_EQ(r.raw(), t.raw());
  EXPECT_EQ(r.dim(-1), 2);
  EXPECT_FALSE(Identical(r, t));
  EXPECT_TRUE(Identical(r.Reshaped({2, 3}), Tensor::F32({2, 3}, {1, 2, 3, 4, 5, 6})));
  EXPECT_EQ(t.Reinterpreted(DType::kI32).span<int32_t>()[0], 0x3F800000);
  EXPECT_EQ(t.type(), TensorType(DType::kF32, {2, 3}));
  EXPECT_NE(Tensor(DType::kF32, {0}).raw(), nullptr);
}

TEST(Tensor, StringsAreInterned) {
  Tensor a(DType::kString, {2});
  EXPECT_EQ(*a.data<StringRef>()[1], "");
  a.mutable_data<StringRef>()[0] = Intern("x");
  Tensor b(DType::kString, {2});
  b.mutable_data<StringRef>()[0] = Intern(std::string("x"));
  EXPECT_TRUE(Identical(a, b));
}

TEST(Attrs, SortedAndTyped) {
  Attrs attrs{{"perm", std::vector<int64_t>{1, 0}}, {"axis", int64_t{3}}};
  attrs.Set("mode", std::string("linear"));
  attrs.Set("axis", int64_t{4});
  EXPECT_EQ(attrs.size(), 3U);
  EXPECT_EQ(attrs.begin()->first, "axis");
  EXPECT_EQ(attrs.Int("axis"), 4);
  EXPECT_EQ(attrs.Int("mode", 7), 7);
  EXPECT_EQ(attrs.Str("mode"), "linear");
  EXPECT_EQ(attrs.Ints("perm").size(), 2U);
  EXPECT_TRUE(attrs.Floats("perm").empty());
  attrs.Erase("axis");
  EXPECT_FALSE(attrs.Has("axis"));
}

TEST(Graph, ConstantsLoad) {
  Graph g;
  const ValueId c = g.AddConstant(Tensor::I64({3}, {1, 2, 3}), "c");
  EXPECT_TRUE(g.IsConstant(c));
  EXPECT_EQ(g.constant(g.value(c).constant).stored_bytes(), 24U);
  EXPECT_EQ(g.constant(g.value(c).constant).Load()->dim(0), 3);
  EXPECT_EQ(g.value(c).type.ToString(), "i64[3]");
  EXPECT_EQ(g.origin({}).node, "");
}

}  // namespace
}  // namespace godwit
