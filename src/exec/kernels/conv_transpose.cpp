#include "exec/kernels/conv_transpose.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "exec/kernels/conv_rows.h"
#include "exec/kernels/scratch.h"

namespace godwit::kernels {
namespace {

/// The outputs r, r + stride, r + 2 * stride, ... as a plain convolution, and which taps of the kernel it has.
struct Phase {
  ConvShape shape;
  Extent3 remainder{};
  Extent3 first_tap{};  // the highest one; the others follow downwards
  Extent3 tap_step{};
};

/// One axis; false when no output has this remainder.
bool PlanAxis(const ConvShape& s, std::size_t axis, std::int64_t r, Phase& phase) {
  const std::int64_t stride = s.stride[axis], dilation = s.dilation[axis];
  if (r >= s.out[axis]) return false;
  const std::int64_t common = std::gcd(stride, dilation);
  const std::int64_t step = stride / common;
  std::int64_t taps = 0, last = 0;
  for (std::int64_t k = 0; k < s.kernel[axis]; ++k) {
    if ((r + s.pad[axis] - k * dilation) % stride == 0) ++taps, last = k;
  }
  phase.shape.kernel[axis] = taps;
  phase.shape.dilation[axis] = dilation / common;
  phase.shape.stride[axis] = 1;
  phase.shape.pad[axis] = taps == 0 ? 0 : (last * dilation - r - s.pad[axis]) / stride;
  phase.shape.out[axis] = (s.out[axis] - r + stride - 1) / stride;
  phase.remainder[axis] = r;
  phase.first_tap[axis] = last;
  phase.tap_step[axis] = step;
  return true;
}

std::vector<Phase> Phases(const ConvShape& s) {
  std::vector<Phase> phases;
  for (std::int64_t d = 0; d < s.stride[0]; ++d) {
    for (std::int64_t h = 0; h < s.stride[1]; ++h) {
      for (std::int64_t w = 0; w < s.stride[2]; ++w) {
        Phase phase;
        phase.shape = s;
        if (PlanAxis(s, 0, d, phase) && PlanAxis(s, 1, h, phase) && PlanAxis(s, 2, w, phase)) phases.push_back(phase);
      }
    }
  }
  return phases;
}

/// The phase's weights as O x I/groups x taps.
template <class T>
std::vector<T> PhaseWeights(const ConvShape& s, const Phase& phase, const T* weights) {
  const std::int64_t inputs = s.in_channels / s.groups, outputs = s.out_channels / s.groups;
  const Extent3& k = phase.shape.kernel;
  std::vector<T> chosen;
  chosen.reserve(static_cast<std::size_t>(s.out_channels * inputs * k[0] * k[1] * k[2]));
  for (std::int64_t out = 0; out < s.out_channels; ++out) {
    for (std::int64_t in = 0; in < inputs; ++in) {
      const std::int64_t plane = (out / outputs * inputs + in) * outputs + out % outputs;
      for (std::int64_t d = 0; d < k[0]; ++d) {
        for (std::int64_t h = 0; h < k[1]; ++h) {
          for (std::int64_t w = 0; w < k[2]; ++w) {
            const std::int64_t z = phase.first_tap[0] - d * phase.tap_step[0];
            const std::int64_t y = phase.first_tap[1] - h * phase.tap_step[1];
            const std::int64_t x = phase.first_tap[2] - w * phase.tap_step[2];
            chosen.push_back(weights[((plane * s.kernel[0] + z) * s.kernel[1] + y) * s.kernel[2] + x]);
          }
        }
      }
    }
  }
  return chosen;
}

/// Puts a phase's outputs at their places among the others.
template <class T>
void Spread(const ConvShape& s, const Phase& phase, const T* from, T* y, ThreadPool* pool) {
  const Extent3& out = phase.shape.out;
  const std::int64_t rows = out[0] * out[1];
  ParallelFor(pool, s.batch * BlocksOf(s.out_channels) * rows, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t d = i % rows / out[1] * s.stride[0] + phase.remainder[0];
      const std::int64_t h = i % out[1] * s.stride[1] + phase.remainder[1];
      const std::int64_t row = (i / rows * s.out[0] + d) * s.out[1] + h;
      T* to = y + (row * s.out[2] + phase.remainder[2]) * kBlock;
      for (std::int64_t w = 0; w < out[2]; ++w) {
        std::memcpy(to + w * s.stride[2] * kBlock, from + (i * out[2] + w) * kBlock, kBlock * sizeof(T));
      }
    }
  });
}

}  // namespace

std::int64_t PackedConvTransposeSize(const ConvShape& shape) {
  std::int64_t size = 0;
  for (const Phase& phase : Phases(shape)) size += PackedConvWeightsSize(phase.shape);
  return size;
}

template <class T>
void PackConvTransposeWeights(const ConvShape& shape, const T* weights, T* packed) {
  for (const Phase& phase : Phases(shape)) {
    PackConvWeights(phase.shape, PhaseWeights(shape, phase, weights).data(), packed);
    packed += PackedConvWeightsSize(phase.shape);
  }
}

template <class T>
void ConvTranspose(const ConvArgs<T>& args, ThreadPool* pool) {
  const ConvShape& s = args.shape;
  const T* packed = args.packed_weights;
  const bool whole = s.stride == Extent3{1, 1, 1};
  for (const Phase& phase : Phases(s)) {
    ConvArgs<T> one = args;
    one.shape = phase.shape;
    one.packed_weights = packed;
    packed += PackedConvWeightsSize(phase.shape);
    if (!whole) {
      const std::int64_t size = BlockedSize(s.batch, s.out_channels, phase.shape.out);
      one.y = Scratch<T>(ScratchUse::kPhase, static_cast<std::size_t>(size));
    }
    Conv(one, pool);
    if (!whole) Spread(s, phase, one.y, args.y, pool);
  }
}

template void PackConvTransposeWeights<float>(const ConvShape&, const float*, float*);
template void PackConvTransposeWeights<double>(const ConvShape&, const double*, double*);
template void ConvTranspose<float>(const ConvArgs<float>&, ThreadPool*);
template void ConvTranspose<double>(const ConvArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
