// Scaled sums of products of stored integers as products of what those stand for.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountOps;
using test::Only;
using test::Same;

// quantize, max_pool, a convolution of integers with a zero point, a bias and scales for its channels, quantize.
constexpr std::string_view kConv = R"(const %xs: f32[] = [0.03]
  const %xz: u8[] = [5]
  const %w: i8[2,1,2,2] = [3,-4,5,6,-7,8,9,-10]
  const %wz: i8[2] = [0,0]
  const %b: i32[2] = [40,-70]
  const %s: f32[2,1,1] = [0.0006,0.0009]
  const %ys: f32[] = [0.011]
  main (%x: f32[1,1,6,N]) {
    %q: u8[1,1,6,N] = quantize(%x, %xs, %xz, to=u8)
    %p: u8[1,1,5,N - 1] = max_pool(%q, kernel=[2,2])
    %c: i32[1,2,4,N - 2] = conv(%p, %w, %b, %xz, %wz)
    %f: f32[1,2,4,N - 2] = cast(%c, to=f32)
    %m: f32[1,2,4,N - 2] = mul(%f, %s)
    %y: u8[1,2,4,N - 2] = quantize(%m, %ys, %xz, to=u8)
    %r: f32[1,2,4,N - 2] = dequantize(%y, %ys, %xz, to=f32)
    yield(%r)
  })";

TEST(RealSums, OfAConvolution) {
  const auto c = CheckSimplify(kConv, Only({"real-sums"}), Same::kClose, {4, 9});
  EXPECT_EQ(CountOps(c.graph, "dequantize"), 4);
  EXPECT_EQ(CountOps(c.graph, "cast"), 0);
  EXPECT_EQ(CountOps(c.graph, "mul"), 0);
}

// Turned weights with a scale for each column, and a sum that is added to the product.
TEST(RealSums, OfAMatrixProduct) {
  const auto c = CheckSimplify(R"(const %xs: f32[] = [0.03]
  const %xz: i8[] = [-5]
  const %w: i8[2,3] = [3,-4,5,6,-7,8]
  const %b: i32[2] = [40,-70]
  const %s: f32[2] = [0.0006,0.0009]
  const %ys: f32[] = [0.011]
  main (%x: f32[N,3]) {
    %q: i8[N,3] = quantize(%x, %xs, %xz, to=i8)
    %c: i32[N,2] = matmul(%q, %w, %xz, _, transpose_b=1)
    %a: i32[N,2] = add(%c, %b)
    %f: f32[N,2] = cast(%a, to=f32)
    %m: f32[N,2] = mul(%s, %f)
    %y: i8[N,2] = quantize(%m, %ys, %xz, to=i8)
    yield(%y)
  })",
                               Only({"real-sums"}), Same::kClose);
  EXPECT_EQ(CountOps(c.graph, "dequantize"), 3);
  EXPECT_EQ(CountOps(c.graph, "cast"), 0);
}

// Integers whose scale is not told stay integers.
TEST(RealSums, NotOfBareIntegers) {
  const auto c = CheckSimplify(R"(const %w: i8[3,2] = [3,-4,5,6,-7,8]
  const %s: f32[] = [0.0006]
  const %ys: f32[] = [0.011]
  main (%x: i8[N,3]) {
    %c: i32[N,2] = matmul(%x, %w)
    %f: f32[N,2] = cast(%c, to=f32)
    %m: f32[N,2] = mul(%f, %s)
    %y: u8[N,2] = quantize(%m, %ys, to=u8)
    yield(%y)
  })",
                               Only({"real-sums"}), Same::kBits);
  EXPECT_EQ(CountOps(c.graph, "dequantize"), 0);
}

}  // namespace
}  // namespace godwit
