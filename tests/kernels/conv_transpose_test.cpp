// Transposed convolutions against the obvious loop in the documented order, bit for bit.
#include "exec/kernels/conv_transpose.h"

#include "exec/kernels/fused.h"
#include "exec/kernels/layout.h"
#include "kernels/check.h"

namespace godwit::kernels {
namespace {

std::int64_t Volume(const Extent3& e) { return e[0] * e[1] * e[2]; }

template <class T>
std::vector<T> Expected(const ConvShape& s, const std::vector<T>& x, const std::vector<T>& w,
                        const std::vector<T>& bias) {
  const std::int64_t inputs = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  std::vector<T> y;
  for (std::int64_t i = 0; i < s.batch * s.out_channels * Volume(s.out); ++i) {
    const std::int64_t p = i % Volume(s.out), o = i / Volume(s.out) % s.out_channels,
                       n = i / Volume(s.out) / s.out_channels;
    const Extent3 at{p / s.out[2] / s.out[1], p / s.out[2] % s.out[1], p % s.out[2]};
    T sum = 0;
    for (std::int64_t block = 0; block < inputs; block += 16) {
      for (std::int64_t tap = Volume(s.kernel) - 1; tap >= 0; --tap) {
        const Extent3 k{tap / s.kernel[2] / s.kernel[1], tap / s.kernel[2] % s.kernel[1], tap % s.kernel[2]};
        Extent3 in{};
        bool reaches = true, inside = true;
        for (std::size_t j = 0; j < 3; ++j) {
          const std::int64_t place = at[j] + s.pad[j] - k[j] * s.dilation[j];
          reaches = reaches && place % s.stride[j] == 0;
          in[j] = place / s.stride[j];
          inside = inside && place >= 0 && in[j] < s.in[j];
        }
        if (!reaches) continue;
        for (std::int64_t c = block; c < std::min(inputs, block + 16); ++c) {
          const std::int64_t channel = o / outputs * inputs + c;
          const std::int64_t from =
              (((n * s.in_channels + channel) * s.in[0] + in[0]) * s.in[1] + in[1]) * s.in[2] + in[2];
          const T value = inside ? x[static_cast<std::size_t>(from)] : T(0);
          sum = FusedMulAdd(
              value, w[static_cast<std::size_t>((channel * outputs + o % outputs) * Volume(s.kernel) + tap)], sum);
        }
      }
    }
    y.push_back(sum + bias[static_cast<std::size_t>(o)]);
  }
  return y;
}

template <class T>
void Check() {
  Random random(61);
  for (int round = 0; round < 50; ++round) {
    ConvShape s;
    s.batch = random.Int(1, 2);
    s.groups = random.Int(0, 2) == 0 ? random.Int(2, 3) : 1;
    s.in_channels = s.groups * random.Int(1, 20);
    s.out_channels = s.groups * random.Int(1, 20);
    if (round % 7 == 0) s.groups = s.in_channels = s.out_channels = 20;
    for (std::size_t i = 0; i < 3; ++i) {
      if (i == 0 && round % 3 != 0) continue;
      s.in[i] = random.Int(1, 6);
      s.kernel[i] = random.Int(1, 4);
      s.stride[i] = random.Int(1, 3);
      s.dilation[i] = random.Int(1, 3);
      const std::int64_t reach = (s.in[i] - 1) * s.stride[i] + (s.kernel[i] - 1) * s.dilation[i] + 1 + random.Int(0, 2);
      s.pad[i] = std::min(random.Int(0, 3), reach - 1);
      s.out[i] = std::max<std::int64_t>(1, reach - s.pad[i] - random.Int(0, 2));
    }
    const auto x = random.Values<T>(s.batch * s.in_channels * Volume(s.in)), bias = random.Values<T>(s.out_channels);
    const auto w = random.Values<T>(s.in_channels * s.out_channels / s.groups * Volume(s.kernel));
    const std::vector<T> want = Expected(s, x, w, bias);
    std::vector<T> packed(static_cast<std::size_t>(PackedConvTransposeSize(s)));
    PackConvTransposeWeights(s, w.data(), packed.data());
    std::vector<T> blocked_x(static_cast<std::size_t>(BlockedSize(s.batch, s.in_channels, s.in)));
    PlainToBlocked(x.data(), s.batch, s.in_channels, Volume(s.in), blocked_x.data());
    OnEverySimd([&](ThreadPool* pool) {
      for (const DataLayout layout : {DataLayout::kPlain, DataLayout::kBlocked}) {
        std::vector<T> blocked_y(static_cast<std::size_t>(BlockedSize(s.batch, s.out_channels, s.out))), y(want.size());
        ConvArgs<T> args;
        args.shape = s;
        args.x = layout == DataLayout::kPlain ? x.data() : blocked_x.data();
        args.x_layout = layout;
        args.packed_weights = packed.data();
        args.y = blocked_y.data();
        args.epilogue.bias = bias.data();
        ConvTranspose(args, pool);
        BlockedToPlain(blocked_y.data(), s.batch, s.out_channels, Volume(s.out), y.data());
        EXPECT_TRUE(SameBits(y, want)) << "round " << round;
      }
    });
  }
}

TEST(ConvTranspose, MatchesTheObviousLoopInF32) { Check<float>(); }
TEST(ConvTranspose, MatchesTheObviousLoopInF64) { Check<double>(); }

}  // namespace
}  // namespace godwit::kernels
