// Convolutions against the obvious loop in the canonical order, bit for bit, over layouts, groups and instruction sets.
#include "exec/kernels/conv.h"

#include "exec/kernels/fused.h"
#include "exec/kernels/layout.h"
#include "kernels/check.h"

namespace godwit::kernels {
namespace {

std::int64_t Volume(const Extent3& e) { return e[0] * e[1] * e[2]; }

template <class T>
std::vector<T> Expected(const ConvShape& s, const std::vector<T>& x, const std::vector<T>& w) {
  const std::int64_t inputs = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  std::vector<T> y;
  for (std::int64_t n = 0; n < s.batch; ++n) {
    for (std::int64_t o = 0; o < s.out_channels; ++o) {
      for (std::int64_t p = 0; p < Volume(s.out); ++p) {
        const Extent3 at{p / s.out[2] / s.out[1], p / s.out[2] % s.out[1], p % s.out[2]};
        T sum = 0;
        for (std::int64_t block = 0; block < inputs; block += 16) {
          for (std::int64_t tap = 0; tap < Volume(s.kernel); ++tap) {
            const Extent3 k{tap / s.kernel[2] / s.kernel[1], tap / s.kernel[2] % s.kernel[1], tap % s.kernel[2]};
            Extent3 in{};
            bool inside = true;
            for (std::size_t i = 0; i < 3; ++i) {
              in[i] = at[i] * s.stride[i] + k[i] * s.dilation[i] - s.pad[i];
              inside = inside && in[i] >= 0 && in[i] < s.in[i];
            }
            for (std::int64_t c = block; c < std::min(inputs, block + 16); ++c) {
              const std::int64_t channel = n * s.in_channels + o / outputs * inputs + c;
              const std::int64_t pixel = ((channel * s.in[0] + in[0]) * s.in[1] + in[1]) * s.in[2] + in[2];
              const T value = inside ? x[static_cast<std::size_t>(pixel)] : T(0);
              sum = FusedMulAdd(value, w[static_cast<std::size_t>((o * inputs + c) * Volume(s.kernel) + tap)], sum);
            }
          }
        }
        y.push_back(sum);
      }
    }
  }
  return y;
}

template <class T>
void Check(const ConvShape& s, std::uint64_t seed) {
  SCOPED_TRACE(testing::Message() << "n" << s.batch << " g" << s.groups << " c" << s.in_channels << ">"
                                  << s.out_channels << " in " << s.in[0] << "x" << s.in[1] << "x" << s.in[2] << " k "
                                  << s.kernel[0] << s.kernel[1] << s.kernel[2] << " s " << s.stride[1] << s.stride[2]
                                  << " d " << s.dilation[1] << s.dilation[2] << " p " << s.pad[1] << s.pad[2] << " out "
                                  << s.out[1] << "x" << s.out[2]);
  Random random(seed);
  const std::int64_t spatial = Volume(s.out), outputs = s.batch * s.out_channels * spatial;
  const auto x = random.Values<T>(s.batch * s.in_channels * Volume(s.in));
  const auto w = random.Values<T>(s.out_channels * s.in_channels / s.groups * Volume(s.kernel));
  const auto bias = random.Values<T>(s.out_channels), residual = random.Values<T>(outputs);
  const bool has_bias = random.Int(0, 1) == 1, has_residual = random.Int(0, 1) == 1;
  const Unary activations[] = {{}, {UnaryOp::kRelu}, {UnaryOp::kClip, 0, 6}, {UnaryOp::kHardSwish}};
  const Unary activation = activations[random.Int(0, 3)];
  std::vector<T> want = Expected(s, x, w);
  for (std::int64_t i = 0; i < outputs; ++i) {
    T& value = want[static_cast<std::size_t>(i)];
    if (has_bias) value += bias[static_cast<std::size_t>(i / spatial % s.out_channels)];
    if (has_residual) value += residual[static_cast<std::size_t>(i)];
  }
  ApplyUnary(activation, want.data(), want.data(), outputs);
  std::vector<T> packed(static_cast<std::size_t>(PackedConvWeightsSize(s)));
  PackConvWeights(s, w.data(), packed.data());
  std::vector<T> blocked_x(static_cast<std::size_t>(BlockedSize(s.batch, s.in_channels, s.in)));
  std::vector<T> blocked_y(static_cast<std::size_t>(BlockedSize(s.batch, s.out_channels, s.out)));
  std::vector<T> blocked_residual(blocked_y.size());
  PlainToBlocked(x.data(), s.batch, s.in_channels, Volume(s.in), blocked_x.data());
  PlainToBlocked(residual.data(), s.batch, s.out_channels, spatial, blocked_residual.data());
  OnEverySimd([&](ThreadPool* pool) {
    for (const DataLayout layout : {DataLayout::kPlain, DataLayout::kBlocked}) {
      std::fill(blocked_y.begin(), blocked_y.end(), static_cast<T>(std::nan("")));
      ConvArgs<T> args;
      args.shape = s;
      args.x = layout == DataLayout::kPlain ? x.data() : blocked_x.data();
      args.x_layout = layout;
      args.packed_weights = packed.data();
      args.y = blocked_y.data();
      args.epilogue.bias = has_bias ? bias.data() : nullptr;
      args.epilogue.residual = has_residual ? blocked_residual.data() : nullptr;
      args.epilogue.activation = activation;
      Conv(args, pool);
      std::vector<T> y(want.size());
      BlockedToPlain(blocked_y.data(), s.batch, s.out_channels, spatial, y.data());
      EXPECT_TRUE(SameBits(y, want)) << (layout == DataLayout::kPlain ? "plain" : "blocked");
    }
  });
}

ConvShape Shape(std::int64_t groups, std::int64_t in, std::int64_t out, Extent3 extent, Extent3 kernel, Extent3 stride,
                Extent3 dilation, Extent3 pad, Extent3 pad_end, std::int64_t batch = 1) {
  ConvShape s{batch, groups, in, out, extent, {}, kernel, stride, dilation, pad};
  for (std::size_t i = 0; i < 3; ++i) {
    s.out[i] = (extent[i] + pad[i] + pad_end[i] - (kernel[i] - 1) * dilation[i] - 1) / stride[i] + 1;
  }
  return s;
}

std::vector<ConvShape> Shapes() {
  const Extent3 one{1, 1, 1}, none{0, 0, 0};
  std::vector<ConvShape> shapes{
      Shape(1, 3, 32, {1, 20, 30}, {1, 3, 3}, {1, 2, 2}, one, {0, 1, 1}, {0, 1, 1}),
      Shape(1, 3, 20, {1, 19, 64}, {1, 7, 7}, {1, 2, 2}, one, {0, 3, 3}, {0, 3, 3}, 2),
      Shape(1, 3, 24, {1, 16, 16}, {1, 4, 4}, {1, 4, 4}, one, none, none),
      Shape(1, 40, 33, {1, 7, 7}, {1, 3, 3}, one, one, {0, 1, 1}, {0, 1, 1}, 2),
      Shape(1, 16, 64, {1, 30, 56}, {1, 3, 3}, one, one, {0, 1, 1}, {0, 1, 1}),
      Shape(1, 32, 16, {1, 9, 58}, {1, 3, 3}, one, one, none, none),
      Shape(1, 35, 48, {1, 13, 11}, one, one, one, none, none),
      Shape(1, 32, 48, {1, 13, 11}, one, {1, 2, 2}, one, none, none),
      Shape(24, 24, 24, {1, 14, 14}, {1, 3, 3}, one, one, {0, 1, 1}, {0, 1, 1}),
      Shape(40, 40, 40, {1, 15, 13}, {1, 5, 5}, {1, 2, 2}, one, {0, 2, 2}, {0, 2, 1}, 2),
      Shape(18, 18, 18, {1, 9, 31}, {1, 3, 3}, one, {1, 2, 2}, none, none),
      Shape(6, 24, 24, {1, 9, 20}, {1, 3, 3}, one, one, {0, 1, 1}, {0, 1, 1}, 2),
      Shape(5, 5, 15, {1, 9, 9}, {1, 3, 3}, {1, 2, 2}, one, {0, 1, 1}, {0, 1, 1}),
      Shape(20, 20, 40, {1, 8, 15}, {1, 3, 3}, one, one, none, none, 2),
      Shape(5, 40, 40, {1, 14, 14}, {1, 3, 3}, {1, 2, 2}, one, {0, 1, 1}, {0, 1, 1}),
      Shape(9, 18, 18, {1, 7, 7}, {1, 3, 2}, one, one, {0, 1, 1}, {0, 1, 0}),
      Shape(4, 32, 64, {1, 9, 9}, {1, 3, 3}, one, one, {0, 1, 1}, {0, 1, 1}),
      Shape(8, 32, 32, {1, 8, 9}, {1, 3, 3}, {1, 2, 2}, one, {0, 1, 1}, {0, 1, 1}),
      Shape(3, 72, 30, {1, 6, 7}, {1, 1, 3}, one, one, {0, 0, 1}, {0, 0, 1}),
      Shape(2, 32, 64, {1, 5, 5}, one, one, one, none, none),
      Shape(6, 6, 12, {1, 8, 8}, {1, 3, 3}, one, one, {0, 1, 1}, {0, 1, 1}),
      Shape(1, 17, 19, {1, 1, 50}, {1, 1, 5}, {1, 1, 2}, {1, 1, 3}, {0, 0, 4}, {0, 0, 4}),
      Shape(1, 5, 7, {5, 6, 7}, {3, 3, 3}, {2, 1, 2}, one, {1, 1, 1}, {1, 1, 1}),
      Shape(20, 20, 20, {4, 5, 6}, {2, 3, 3}, {2, 2, 1}, one, {1, 0, 1}, {0, 1, 1}),
      Shape(1, 16, 16, {1, 3, 3}, {1, 5, 5}, {1, 3, 3}, one, {0, 6, 6}, {0, 6, 6}),
  };
  Random random(11);
  while (shapes.size() < 50) {
    Extent3 extent{}, kernel{}, stride{}, dilation{}, pad{}, pad_end{};
    bool valid = true;
    for (std::size_t i = 0; i < 3; ++i) {
      const bool unused = i == 0 && random.Int(0, 2) != 0;
      extent[i] = unused ? 1 : random.Int(1, i == 2 ? 32 : 9);
      kernel[i] = unused ? 1 : random.Int(1, 4);
      stride[i] = unused ? 1 : random.Int(1, 3);
      dilation[i] = unused ? 1 : random.Int(1, 2);
      pad[i] = unused ? 0 : random.Int(0, 2);
      pad_end[i] = unused ? 0 : random.Int(0, 2);
      valid = valid && extent[i] + pad[i] + pad_end[i] > (kernel[i] - 1) * dilation[i];
    }
    if (!valid) continue;
    const std::int64_t groups = random.Int(0, 2) == 0 ? random.Int(2, 4) : 1;
    shapes.push_back(Shape(groups, groups * random.Int(1, 20), groups * random.Int(1, 40), extent, kernel, stride,
                           dilation, pad, pad_end, random.Int(1, 2)));
  }
  return shapes;
}

TEST(Conv, MatchesTheObviousLoopInF32) {
  std::uint64_t seed = 1;
  for (const ConvShape& shape : Shapes()) Check<float>(shape, seed++);
}

TEST(Conv, MatchesTheObviousLoopInF64) {
  std::uint64_t seed = 1;
  for (const ConvShape& shape : Shapes()) Check<double>(shape, seed++);
}

}  // namespace
}  // namespace godwit::kernels
