// Matrix products, einsum and determinants.
#include <string>

#include "ops/einsum.h"
#include "ops/eval_one.h"

namespace godwit {
namespace {

using test::EvalOne;
using test::Numbers;
using test::Values;
using Doubles = std::vector<double>;

Tensor I32(Dims dims, const Doubles& v) { return Numbers(DType::kI32, std::move(dims), v); }
std::string FailureOf(const Result<Tensor>& result) { return result.ok() ? "none" : result.diag().id; }

TEST(MatMul, VectorsStacksAndTransposes) {
  const Tensor m = I32({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(Values(EvalOne(ops::kMatMul, {m, I32({3}, {1, 0, -1})})), (Doubles{-2, -2}));
  EXPECT_EQ(Values(EvalOne(ops::kMatMul, {I32({2}, {1, -1}), m})), (Doubles{-3, -3, -3}));
  EXPECT_EQ(Values(EvalOne(ops::kMatMul, {m, m}, {{"transpose_b", int64_t{1}}})), (Doubles{14, 32, 32, 77}));
  EXPECT_EQ(Values(EvalOne(ops::kMatMul, {m, I32({2, 3, 1}, {1, 1, 1, 2, 2, 2})})), (Doubles{6, 15, 12, 30}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kMatMul, {m, m})), "matmul.c1");
  EXPECT_EQ(FailureOf(EvalOne(ops::kMatMul, {I32({2, 1, 1}, {1, 2}), I32({3, 1, 1}, {1, 2, 3})})), "matmul.c2");
  EXPECT_EQ(FailureOf(EvalOne(ops::kMatMul, {m, Numbers(DType::kF32, {3}, {1, 2, 3})})), "matmul.c3");
}

TEST(MatMul, BytesGiveI32LessTheirZeroPoints) {
  const Tensor a = Numbers(DType::kU8, {2, 2}, {255, 0, 1, 2}), b = Numbers(DType::kI8, {2, 2}, {-128, 127, 1, 2});
  const auto y = EvalOne(ops::kMatMul, {a, b, Numbers(DType::kU8, {2}, {1, 2}), Numbers(DType::kI8, {2}, {0, 1})});
  ASSERT_TRUE(y.ok());
  EXPECT_EQ(y->dtype(), DType::kI32);
  EXPECT_EQ(Values(y), (Doubles{-32513, 32003, 128, -126}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kMatMul, {a, b, Numbers(DType::kU8, {3}, {1, 2, 3})})), "matmul.c4");
}

TEST(MatMul, GemmScalesAndBroadcasts) {
  const Tensor a = I32({2, 1}, {3, 5}), b = I32({1, 2}, {1, 2});
  EXPECT_EQ(Values(EvalOne(ops::kGemm, {a, b, I32({2, 1}, {10, 20})}, {{"alpha", 0.5}, {"beta", 2.0}})),
            (Doubles{21, 23, 42, 45}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kGemm, {a, a})), "gemm.c1");
  EXPECT_EQ(FailureOf(EvalOne(ops::kGemm, {a, b, I32({3}, {1, 2, 3})})), "gemm.c2");
}

TEST(Einsum, DiagonalsEllipsesAndSeveralOperands) {
  const Tensor m = I32({2, 2}, {1, 2, 3, 4});
  const auto einsum = [](std::vector<RtValue> in, std::string equation) {
    return EvalOne(ops::kEinsum, std::move(in), {{"equation", std::move(equation)}});
  };
  EXPECT_EQ(Values(einsum({m}, "ii->i")), (Doubles{1, 4}));
  EXPECT_EQ(Values(einsum({m}, "ii")), (Doubles{5}));
  EXPECT_EQ(Values(einsum({m}, "...i->i...")), (Doubles{1, 3, 2, 4}));
  EXPECT_EQ(Values(einsum({m, m, m}, "ij,jk,kl->il")), (Doubles{37, 54, 81, 118}));
  EXPECT_EQ(Values(einsum({I32({2, 1, 2}, {1, 2, 3, 4}), m}, "...ij,...jk")), (Doubles{7, 10, 15, 22}));
  EXPECT_EQ(FailureOf(einsum({m}, "ij,jk")), "einsum.c1");
  EXPECT_EQ(FailureOf(einsum({m}, "ijk")), "einsum.c1");
  EXPECT_EQ(FailureOf(einsum({m}, "i..j")), "einsum.c1");
  EXPECT_EQ(FailureOf(einsum({m}, "ij->ik")), "einsum.c1");
  EXPECT_EQ(FailureOf(einsum({m}, "ij->ii")), "einsum.c1");
  EXPECT_EQ(FailureOf(einsum({m, I32({3}, {1, 2, 3})}, "ij,j->i")), "einsum.c2");
}

TEST(Einsum, EllipsesCountFromTheLastAxis) {
  const ops::EinsumParse parse = ops::ParseEinsum("a...,...b", {3, 2});
  EXPECT_EQ(parse.error, "");
  EXPECT_EQ(parse.equation.operands[0], (ops::Labels{'a', ops::kEllipsisBase + 1, ops::kEllipsisBase}));
  EXPECT_EQ(parse.equation.operands[1], (ops::Labels{ops::kEllipsisBase, 'b'}));
  EXPECT_EQ(parse.equation.result, (ops::Labels{ops::kEllipsisBase + 1, ops::kEllipsisBase, 'a', 'b'}));
}

TEST(Det, SwapsRowsWhereThePivotIsZero) {
  EXPECT_NEAR(Values(EvalOne(ops::kDet, {Numbers(DType::kF64, {3, 3}, {0, 2, 1, 1, 0, 3, 2, 1, 0})}))[0], 13, 1e-12);
  EXPECT_EQ(Values(EvalOne(ops::kDet, {Numbers(DType::kF32, {2, 0, 0}, {})})), (Doubles{1, 1}));
  EXPECT_EQ(FailureOf(EvalOne(ops::kDet, {Numbers(DType::kF32, {2, 1}, {1, 2})})), "det.c1");
}

}  // namespace
}  // namespace godwit
