// Attention recognised, its heads packed, and tensors taken apart along an axis of their own.
#include "passes/fusion_policy.h"
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

TEST(FuseAttention, ScaledMaskedTransposedKeys) {
  const auto c = CheckSimplify(R"(const %s: f32[] = [0.25]
    main (%q: f32[B,2,N,4], %k: f32[B,2,M,4], %v: f32[B,2,M,3], %m: f32[N,M]) {
    %kt: f32[B,2,4,M] = transpose(%k, perm=[0,1,3,2])
    %p: f32[B,2,N,M] = matmul(%q, %kt)
    %a: f32[B,2,N,M] = mul(%p, %s)
    %b: f32[B,2,N,M] = add(%a, %m)
    %w: f32[B,2,N,M] = softmax(%b)
    %y: f32[B,2,N,3] = matmul(%w, %v)
    yield(%y)
  })",
                               Only({"fuse-attention"}), Same::kClose, {1, 2});
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
  EXPECT_EQ(CountOps(c.graph, "attention"), 1);
}

TEST(FuseAttention, ScalesOnBothSides) {
  const auto c = CheckSimplify(R"(const %s: f32[] = [0.5]
    main (%q: f32[2,3,4], %k: f32[2,5,4], %v: f32[2,5,3]) {
    %qs: f32[2,3,4] = mul(%q, %s)
    %kt: f32[2,4,5] = transpose(%k, perm=[0,2,1])
    %ks: f32[2,4,5] = mul(%kt, %s)
    %p: f32[2,3,5] = matmul(%qs, %ks)
    %w: f32[2,3,5] = softmax(%p, axis=2)
    %y: f32[2,3,3] = matmul(%w, %v)
    yield(%y)
  })",
                               Only({"fuse-attention"}), Same::kClose, {1});
  EXPECT_EQ(CountNodes(c.graph), 1) << test::Print(c.graph);
}

TEST(FuseAttention, NotOverRowsNorWhereTheWeightsAreUsed) {
  const char* head = R"(main (%q: f32[2,3,4,4], %k: f32[2,3,4,4], %v: f32[2,3,4,4]) {
    %kt: f32[2,3,4,4] = transpose(%k, perm=[0,1,3,2])
    %p: f32[2,3,4,4] = matmul(%q, %kt)
    )";
  const auto rows = CheckSimplify(std::string(head) + R"(%w: f32[2,3,4,4] = softmax(%p, axis=2)
    %y: f32[2,3,4,4] = matmul(%w, %v)
    yield(%y)
  })",
                                  Only({"fuse-attention"}), Same::kClose, {1});
  EXPECT_EQ(CountOps(rows.graph, "attention"), 0);
  const auto used = CheckSimplify(std::string(head) + R"(%w: f32[2,3,4,4] = softmax(%p)
    %y: f32[2,3,4,4] = matmul(%w, %v)
    yield(%y, %w)
  })",
                                  Only({"fuse-attention"}), Same::kClose, {1});
  EXPECT_EQ(CountOps(used.graph, "attention"), 0);
  const auto shared = CheckSimplify(R"(main (%q: f32[2,3,4,4], %k: f32[1,1,4,4], %v: f32[2,3,4,4]) {
    %p: f32[2,3,4,4] = matmul(%q, %k)
    %w: f32[2,3,4,4] = softmax(%p)
    %y: f32[2,3,4,4] = matmul(%w, %v)
    yield(%y)
  })",
                                    Only({"fuse-attention"}), Same::kClose, {1});
  EXPECT_EQ(CountOps(shared.graph, "attention"), 0);
}

constexpr const char* kVision = R"(const %five: i64[5] = [0,0,3,2,4]
    const %ones: i64[3] = [1,1,1]
    const %zero: i64[1] = [0]
    const %i0: i64[] = [0]
    const %i1: i64[] = [1]
    const %i2: i64[] = [-1]
    const %s: f32[] = [0.5]
    const %out: i64[3] = [0,0,8]
    main (%x: f32[B,N,24]) {
    %r: f32[B,N,3,2,4] = reshape(%x, %five)
    %t: f32[3,B,2,N,4] = transpose(%r, perm=[2,0,3,1,4])
    )";
constexpr const char* kRest = R"(%qs: f32[B,2,N,4] = mul(%q, %s)
    %kt: f32[B,2,4,N] = transpose(%k, perm=[0,1,3,2])
    %p: f32[B,2,N,N] = matmul(%qs, %kt)
    %w: f32[B,2,N,N] = softmax(%p)
    %z: f32[B,2,N,4] = matmul(%w, %v)
    %zt: f32[B,N,2,4] = transpose(%z, perm=[0,2,1,3])
    %y: f32[B,N,8] = reshape(%zt, %out)
    yield(%y)
    }
    )";
constexpr const char* kGathered = R"(%q: f32[B,2,N,4] = gather(%t, %i0, axis=0)
    %k: f32[B,2,N,4] = gather(%t, %i1, axis=0)
    %v: f32[B,2,N,4] = gather(%t, %i2, axis=0)
    )";
constexpr const char* kSplit = R"(%a: f32[1,B,2,N,4], %b: f32[1,B,2,N,4], %c: f32[1,B,2,N,4] = split(%t, %ones)
    %q: f32[B,2,N,4] = squeeze(%a, %zero)
    %k: f32[B,2,N,4] = squeeze(%b, %zero)
    %v: f32[B,2,N,4] = squeeze(%c, %zero)
    )";

TEST(FuseUnbind, GathersAndSplits) {
  for (const char* cut : {kGathered, kSplit}) {
    const auto c = CheckSimplify(std::string(kVision) + cut + kRest, Only({"fuse-unbind"}), Same::kBits, {1, 2});
    EXPECT_EQ(CountOps(c.graph, "split"), 1) << test::Print(c.graph);
    EXPECT_EQ(CountOps(c.graph, "squeeze") + CountOps(c.graph, "gather"), 0) << test::Print(c.graph);
  }
}

TEST(FuseUnbind, NotWhenTheWholeIsUsedToo) {
  const auto c = CheckSimplify(R"(const %shape: i64[3] = [2,3,4]
    const %i0: i64[] = [0]
    const %i1: i64[] = [1]
    main (%x: f32[6,4]) {
    %r: f32[2,3,4] = reshape(%x, %shape)
    %a: f32[3,4] = gather(%r, %i0, axis=0)
    %b: f32[3,4] = gather(%r, %i1, axis=0)
    yield(%a, %b, %r)
  })",
                               Only({"fuse-unbind"}), Same::kBits, {1});
  EXPECT_EQ(CountOps(c.graph, "gather"), 2);
  const auto last = CheckSimplify(R"(const %shape: i64[2] = [3,2]
    const %i0: i64[] = [0]
    const %i1: i64[] = [1]
    main (%x: f32[6]) {
    %r: f32[3,2] = reshape(%x, %shape)
    %a: f32[3] = gather(%r, %i0, axis=1)
    %b: f32[3] = gather(%r, %i1, axis=1)
    yield(%a, %b)
  })",
                                  Only({"fuse-unbind"}), Same::kBits, {1});
  EXPECT_EQ(CountOps(last.graph, "gather"), 2);
}

TEST(FuseUnbind, PlacesThatTakeTurns) {
  const auto c = CheckSimplify(R"(const %turns: i64[3] = [4,2,15]
    const %back: i64[5] = [2,1,4,3,5]
    const %i0: i64[] = [0]
    const %i1: i64[] = [1]
    main (%x: f32[1,8,3,5]) {
    %r: f32[4,2,15] = reshape(%x, %turns)
    %t: f32[2,4,15] = transpose(%r, perm=[1,0,2])
    %s: f32[2,1,4,3,5] = reshape(%t, %back)
    %a: f32[1,4,3,5] = gather(%s, %i0, axis=0)
    %b: f32[1,4,3,5] = gather(%s, %i1, axis=0)
    yield(%a, %b)
  })",
                               Only({"fuse-unbind-turns"}), Same::kBits, {1});
  EXPECT_EQ(CountNodes(c.graph), 2) << test::Print(c.graph);
}

TEST(FuseAttention, HeadsOfAVisionTransformer) {
  for (const char* cut : {kGathered, kSplit}) {
    auto options = Only({"fuse-unbind", "fuse-attention", "fuse-attention-heads"});
    const auto c = CheckSimplify(std::string(kVision) + cut + kRest, options, Same::kClose, {1, 2});
    EXPECT_EQ(CountOps(c.graph, "attention"), 1) << test::Print(c.graph);
    EXPECT_EQ(CountOps(c.graph, "transpose"), 0) << test::Print(c.graph);
  }
}

TEST(FuseAttention, PackedAlone) {
  const auto packed = Only({"fuse-unbind", "fuse-packed-attention", "fuse-attention-heads"});
  for (const char* cut : {kGathered, kSplit}) {
    const auto c = CheckSimplify(std::string(kVision) + cut + kRest, packed, Same::kClose, {1, 2});
    EXPECT_EQ(CountOps(c.graph, "attention"), 1) << test::Print(c.graph);
  }
  // Heads that nothing packs would only be taken apart again.
  const auto c = CheckSimplify(R"(main (%q: f32[1,2,3,4], %k: f32[1,2,5,4], %v: f32[1,2,5,4]) {
    %t: f32[1,2,4,5] = transpose(%k, perm=[0,1,3,2])
    %m: f32[1,2,3,5] = matmul(%q, %t)
    %p: f32[1,2,3,5] = softmax(%m, axis=-1)
    %y: f32[1,2,3,4] = matmul(%p, %v)
    yield(%y)
  })",
                               packed, Same::kClose, {1});
  EXPECT_EQ(CountOps(c.graph, "attention"), 0) << test::Print(c.graph);
}

TEST(FusionPolicy, KnowsWhatOpsetsAndRuntimesHave) {
  EXPECT_TRUE(FusionsToLeave({}).empty());
  const auto old = FusionsToLeave({.opset = 17});
  EXPECT_TRUE(old.contains("fuse-gelu"));
  EXPECT_TRUE(old.contains("fuse-attention"));
  EXPECT_FALSE(old.contains("fuse-hard-swish"));
  EXPECT_FALSE(old.contains("fuse-norm"));
  EXPECT_FALSE(FusionsToLeave({.opset = 17, .microsoft = true}).contains("fuse-gelu"));
  const auto microsoft = FusionsToLeave({.opset = 17, .microsoft = true, .runtime = "ort"});
  EXPECT_FALSE(microsoft.contains("fuse-silu"));
  EXPECT_FALSE(microsoft.contains("fuse-packed-attention"));
  EXPECT_TRUE(microsoft.contains("fuse-attention"));
  EXPECT_TRUE(FusionsToLeave({.opset = 10}).contains("fuse-pixel-shuffle"));
  EXPECT_FALSE(old.contains("fuse-pixel-shuffle"));
  const auto now = FusionsToLeave({.opset = 24});
  EXPECT_FALSE(now.contains("fuse-silu"));
  EXPECT_TRUE(FusionsToLeave({.opset = 24, .runtime = "ort"}).contains("fuse-silu"));
  // What the usual runtime puts together itself, or runs slower, is left by default.
  EXPECT_TRUE(old.contains("scale-gelu"));
  EXPECT_TRUE(old.contains("fuse-whole-norm"));
  EXPECT_FALSE(old.contains("scale-small-gelu"));
  EXPECT_FALSE(FusionsToLeave({.tflite = true}).contains("scale-gelu"));
  // Every name is that of a rule.
  SimplifyOptions options;
  options.rewrite.off = FusionsToLeave({.opset = 7, .runtime = "ort"});
  Graph graph = test::Parse("main (%x: f32[1]) {\nyield(%x)\n}\n");
  EXPECT_TRUE(Simplify(graph, options, nullptr).ok());
  for (const FusionEvidence& e : AllFusionEvidence()) options.rewrite.only.emplace(e.rule);
  EXPECT_TRUE(Simplify(graph, options, nullptr).ok());
}

}  // namespace
}  // namespace godwit
