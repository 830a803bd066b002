// What happens when our own code asks an operator for a region that it cannot have.
#include <gtest/gtest.h>

#include "ir/eval.h"
#include "ir/infer.h"

namespace godwit {
namespace {

TEST(Regions, AskingAnOperatorWithoutThemIsADefect) {
  const OpDef op{.name = "plain", .doc = ""};
  const Attrs attrs;
  InferCtx infer(op, attrs, {}, 0);
  const auto types = infer.InferRegion(0, {});
  ASSERT_FALSE(types.ok());
  EXPECT_EQ(types.diag().id, "defect");
  EXPECT_EQ(types.diag().exit, Exit::kDefect);
  EvalCtx eval(op, attrs, {}, 0);
  const auto values = eval.RunRegion(0, {});
  ASSERT_FALSE(values.ok());
  EXPECT_EQ(values.diag().id, "defect");
}

}  // namespace
}  // namespace godwit
