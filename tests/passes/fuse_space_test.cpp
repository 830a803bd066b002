// depth_to_space and space_to_depth, recognised in reshapes and transposes.
#include "passes/rewrite_check.h"

namespace godwit {
namespace {

using test::CheckSimplify;
using test::CountNodes;
using test::CountOps;
using test::Only;
using test::Same;

test::Checked Shuffle(const std::string& parts, const std::string& perm, const std::string& back,
                      const std::string& input, const std::string& inner, const std::string& moved,
                      const std::string& output) {
  return CheckSimplify("const %parts: i64[6] = [" + parts + "]\nconst %back: i64[4] = [" + back + "]\nmain (%x: f32[" +
                           input + "]) {\n%a: f32[" + inner + "] = reshape(%x, %parts)\n%b: f32[" + moved +
                           "] = transpose(%a, perm=[" + perm + "])\n%y: f32[" + output +
                           "] = reshape(%b, %back)\nyield(%y)\n}\n",
                       Only({"fuse-depth-to-space", "fuse-pixel-shuffle", "fuse-space-to-depth"}), Same::kBits, {1, 2});
}

TEST(FuseSpace, DepthToSpaceInBothOrders) {
  const auto crd =
      Shuffle("0,3,2,2,4,5", "0,1,4,2,5,3", "0,3,8,10", "N,12,4,5", "N,3,2,2,4,5", "N,3,4,2,5,2", "N,3,8,10");
  EXPECT_EQ(CountNodes(crd.graph), 1) << test::Print(crd.graph);
  EXPECT_NE(test::Print(crd.graph).find("channels_first=1"), std::string::npos);
  const auto dcr =
      Shuffle("0,2,2,3,4,5", "0,3,4,1,5,2", "0,3,8,10", "N,12,4,5", "N,2,2,3,4,5", "N,3,4,2,5,2", "N,3,8,10");
  EXPECT_EQ(CountNodes(dcr.graph), 1) << test::Print(dcr.graph);
  EXPECT_EQ(CountOps(dcr.graph, "depth_to_space"), 1);
}

TEST(FuseSpace, SpaceToDepth) {
  const auto c =
      Shuffle("0,3,4,2,5,2", "0,3,5,1,2,4", "0,12,4,5", "N,3,8,10", "N,3,4,2,5,2", "N,2,2,3,4,5", "N,12,4,5");
  EXPECT_EQ(CountOps(c.graph, "space_to_depth"), 1) << test::Print(c.graph);
}

TEST(FuseSpace, NotForOtherOrders) {
  const auto windows =
      Shuffle("0,4,2,5,2,3", "0,1,3,2,4,5", "-1,2,2,3", "N,8,10,3", "N,4,2,5,2,3", "N,4,5,2,2,3", "20*N,2,2,3");
  EXPECT_EQ(CountNodes(windows.graph), 3);
  const auto uneven =
      Shuffle("0,2,2,3,4,5", "0,3,4,1,5,2", "0,3,16,5", "N,12,4,5", "N,2,2,3,4,5", "N,3,4,2,5,2", "N,3,16,5");
  EXPECT_EQ(CountNodes(uneven.graph), 3);
}

}  // namespace
}  // namespace godwit
