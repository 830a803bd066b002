// Products with their bias and transposes in one node.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

TEST(AddIntoGemm, OfMatrices) {
  const auto c = CheckSimplify(R"(const %w: f32[2,3] = [1.0,2.0,3.0,-4.0,0.5,0.25]
  const %b: f32[3] = [1.0,-1.0,0.5]
  main (%x: f32[N,2]) {
    %a: f32[N,3] = matmul(%x, %w)
    %y: f32[N,3] = add(%b, %a)
    yield(%y)
  })",
                               Only({"add-into-gemm"}), Same::kClose);
  EXPECT_EQ(CountOps(c.graph, "gemm"), 1);
  EXPECT_EQ(CountNodes(c.graph), 1);
}

TEST(AddIntoGemm, NotOfBatchesNorBeyondTheShape) {
  const auto c = CheckSimplify(R"(const %w: f32[2,3] = [1.0,2.0,3.0,-4.0,0.5,0.25]
  const %b: f32[2,1,3] = [1.0,-1.0,0.5,1.0,2.0,3.0]
  main (%x: f32[N,2], %z: f32[2,N,2]) {
    %a: f32[N,3] = matmul(%x, %w)
    %y: f32[2,N,3] = add(%b, %a)
    %c: f32[2,N,3] = matmul(%z, %w)
    %d: f32[2,N,3] = add(%b, %c)
    yield(%y, %d)
  })",
                               Only({"add-into-gemm"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 4);
}

TEST(TransposeIntoGemm, EitherOperand) {
  const auto c = CheckSimplify(R"(main (%x: f32[3,N], %z: f32[4,3]) {
    %a: f32[N,3] = transpose(%x, perm=[1,0])
    %b: f32[3,4] = transpose(%z)
    %y: f32[N,4] = matmul(%a, %b)
    %v: f32[N,N] = gemm(%a, %a, transpose_b=1)
    yield(%y, %v)
  })",
                               Only({"transpose-into-gemm"}), Same::kClose);
  EXPECT_EQ(CountOps(c.graph, "transpose"), 0);
  EXPECT_EQ(CountNodes(c.graph), 2);
}

TEST(TransposeIntoGemm, NotOfBatches) {
  const auto c = CheckSimplify(R"(main (%x: f32[2,3,N], %z: f32[3,4]) {
    %a: f32[2,N,3] = transpose(%x, perm=[0,2,1])
    %y: f32[2,N,4] = matmul(%a, %z)
    yield(%y)
  })",
                               Only({"transpose-into-gemm"}), Same::kClose);
  EXPECT_EQ(CountNodes(c.graph), 2);
}

}  // namespace
}  // namespace godwit
