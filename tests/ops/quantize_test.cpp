// Quantisation: rounding, saturation, and which scale an element goes by.
#include <cmath>

#include "ops/eval_one.h"
#include "support/temp_dir.h"

namespace godwit {
namespace {

using test::EvalAll;
using test::EvalOne;
using test::Numbers;
using test::Values;
using testing::IdOf;
using Doubles = std::vector<double>;

TEST(Quantize, RoundsHalvesToEvenAndSaturates) {
  const Tensor x = Numbers(DType::kF32, {8}, {-2.5, -1.5, 0.5, 1.5, 127.5, 300, -300, std::nan("")});
  const Tensor one = Numbers(DType::kF32, {}, {1});
  EXPECT_EQ(Values(EvalOne(ops::kQuantize, {x, one, Numbers(DType::kI8, {}, {1})}, {{"to", DType::kI8}})),
            (Doubles{-1, -1, 1, 3, 127, 127, -128, 1}));
  EXPECT_EQ(Values(EvalOne(ops::kQuantize, {x, one}, {{"to", DType::kI2}})), (Doubles{-2, -2, 0, 1, 1, 1, -2, 0}));
}

TEST(Quantize, TheQuotientIsRoundedToThePrecision) {
  // 2.5009765625 lies between two f16 numbers and is rounded to 2.5, a tie.
  EXPECT_EQ(Values(EvalOne(ops::kQuantize, {Numbers(DType::kF32, {1}, {2.5009765625}), Numbers(DType::kF32, {}, {1})},
                           {{"to", DType::kI8}, {"precision", DType::kF16}})),
            (Doubles{2}));
  EXPECT_EQ(Values(EvalOne(ops::kQuantize, {Numbers(DType::kF32, {1}, {2.5009765625}), Numbers(DType::kF32, {}, {1})},
                           {{"to", DType::kI8}})),
            (Doubles{3}));
}

TEST(Quantize, ScalesAlongAnAxisAndInBlocks) {
  const Tensor x = Numbers(DType::kF32, {2, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor columns = Numbers(DType::kF32, {3}, {1, 2, 3});
  EXPECT_EQ(Values(EvalOne(ops::kQuantize, {x, columns}, {{"to", DType::kU8}})), (Doubles{1, 1, 1, 4, 2, 2}));
  const Tensor rows = Numbers(DType::kF32, {2}, {1, 2});
  EXPECT_EQ(Values(EvalOne(ops::kQuantize, {x, rows}, {{"to", DType::kU8}, {"axis", int64_t{0}}})),
            (Doubles{1, 2, 3, 2, 2, 3}));
  const Tensor blocks = Numbers(DType::kF32, {2, 2}, {1, 3, 4, 6});
  EXPECT_EQ(Values(EvalOne(ops::kQuantize, {x, blocks}, {{"to", DType::kU8}, {"block", int64_t{2}}})),
            (Doubles{1, 2, 1, 1, 1, 1}));
  EXPECT_EQ(IdOf(EvalOne(ops::kQuantize, {x, rows}, {{"to", DType::kU8}})), "quantize.c2");
  EXPECT_EQ(IdOf(EvalOne(ops::kQuantize, {x, rows}, {{"to", DType::kU8}, {"axis", int64_t{2}}})), "quantize.c1");
  EXPECT_EQ(IdOf(EvalOne(ops::kQuantize, {x, columns, Numbers(DType::kU8, {2}, {1, 2})}, {{"to", DType::kU8}})),
            "quantize.c3");
}

TEST(Dequantize, SubtractsExactly) {
  const Tensor x = Numbers(DType::kI32, {2}, {2147483647, -2147483648.0});
  EXPECT_EQ(Values(EvalOne(ops::kDequantize, {x, Numbers(DType::kF64, {}, {0.5})}, {{"to", DType::kF64}})),
            (Doubles{1073741823.5, -1073741824}));
  const Tensor q = Numbers(DType::kU4, {1, 4}, {0, 15, 8, 1});
  const Tensor scale = Numbers(DType::kF16, {1, 2}, {0.5, 2});
  const Tensor zero = Numbers(DType::kU4, {1, 2}, {8, 1});
  EXPECT_EQ(Values(EvalOne(ops::kDequantize, {q, scale, zero}, {{"to", DType::kF16}, {"block", int64_t{2}}})),
            (Doubles{-4, 3.5, 14, 0}));
}

TEST(DynamicQuantize, RangeAlwaysHoldsZero) {
  // onnx's own example: [0, 2, -3, -2.5, 1.34, 0.5]
  const auto out = EvalAll(ops::kDynamicQuantize, {Numbers(DType::kF32, {6}, {0, 2, -3, -2.5, 1.34, 0.5})}, 3);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(ToF64((*out)[0].tensor), (Doubles{153, 255, 0, 26, 221, 179}));
  EXPECT_EQ(ToF64((*out)[1].tensor)[0], static_cast<double>(5.0F / 255.0F));
  EXPECT_EQ(ToF64((*out)[2].tensor), (Doubles{153}));
  const auto zeros = EvalAll(ops::kDynamicQuantize, {Numbers(DType::kF32, {2}, {0, 0})}, 3);
  EXPECT_EQ(ToF64((*zeros)[0].tensor), (Doubles{0, 0}));
}

}  // namespace
}  // namespace godwit
