#include "exec/kernels/conv.h"

#include <algorithm>

#include "exec/kernels/conv_narrow.h"
#include "exec/kernels/conv_rows.h"
#include "exec/kernels/scratch.h"
#include "exec/kernels/tile.h"

namespace godwit::kernels {
namespace {

// What a band's operands may take: about a third of a second-level cache.
constexpr std::int64_t kBandElements = 80 * 1024;

std::int64_t Volume(const Extent3& e) { return e[0] * e[1] * e[2]; }

/// What all bands of one convolution share.
template <class T>
struct Job {
  const ConvArgs<T>& args;
  ConvRows plan;
  std::int64_t out_blocks;  // of one group
  std::int64_t depth;       // operands of one output: the length of the sum
  std::int64_t volume;      // outputs of one channel
  bool shared_blocks;       // groups meet inside a block of output channels

  explicit Job(const ConvArgs<T>& a)
      : args(a),
        plan(a.shape, a.x_layout, true, kBandElements),
        out_blocks(BlocksOf(a.shape.out_channels / a.shape.groups)),
        depth(a.shape.in_channels / a.shape.groups * Volume(a.shape.kernel)),
        volume(Volume(a.shape.out)),
        shared_blocks(a.shape.groups > 1 && a.shape.out_channels / a.shape.groups % kBlock != 0) {}
};

/// One band's place: image, group, slice of the output's depth, and rows.
struct Place {
  std::int64_t n, group, slice, row, rows;
};

/// Blocks [first, last) of the group's output channels into `t.c`, whose layout and epilogue are set.
template <class T>
void RunBlocks(const Job<T>& job, TileArgs<T> t, const Place& place, const T* operands, std::int64_t first,
               std::int64_t last) {
  const ConvRows& plan = job.plan;
  const RowStride stride = plan.width == 4 ? RowStride::k4 : RowStride::k16;
  const T* weights = job.args.packed_weights + place.group * job.out_blocks * job.depth * kBlock;
  t.b_block = job.depth * kBlock;
  const std::int64_t runs = plan.joined ? 1 : place.rows;
  const std::int64_t outputs = plan.joined ? place.rows * plan.columns : plan.columns;
  const Epilogue<T> epilogue = t.epilogue;
  T* const c = t.c;
  for (std::int64_t block = first; block < last; block += 2) {
    const std::int64_t blocks = std::min<std::int64_t>(2, last - block);
    t.b = weights + block * t.b_block;
    t.columns = blocks * kBlock;
    t.rows = outputs;
    for (std::int64_t run = 0; run < runs; ++run) {
      const std::int64_t at = block * t.c_block + run * plan.columns * kBlock;
      t.a = operands + run * plan.row_pitch;
      t.c = c + at;
      if (epilogue.residual != nullptr) t.epilogue.residual = epilogue.residual + at;
      if (epilogue.bias != nullptr) t.epilogue.bias = epilogue.bias + block * kBlock;
      RunTiles(t, stride);
    }
    if (NeedsActivationPass(epilogue.activation)) {
      ApplyUnaryRows(epilogue.activation, c + block * t.c_block, blocks, place.rows * plan.columns * kBlock, t.c_block);
    }
  }
}

/// Moves one group's channels between the output's shared blocks and blocks of its own.
template <bool kGather, class T>
void MoveLanes(const Job<T>& job, const Place& place, T* own, std::int64_t own_block, T* shared, std::int64_t pixel,
               std::int64_t pixels) {
  const std::int64_t channels = job.args.shape.out_channels / job.args.shape.groups;
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int64_t channel = place.group * channels + c;
    T* mine = own + c / kBlock * own_block + c % kBlock;
    T* theirs = shared + (channel / kBlock * job.volume + pixel) * kBlock + channel % kBlock;
    for (std::int64_t i = 0; i < pixels; ++i)
      (kGather ? mine : theirs)[i * kBlock] = (kGather ? theirs : mine)[i * kBlock];
  }
}

template <class T>
const T* PaddedBias(const Job<T>& job, std::int64_t group) {
  if (job.args.epilogue.bias == nullptr) return nullptr;
  const std::int64_t channels = job.args.shape.out_channels / job.args.shape.groups;
  T* bias = Scratch<T>(ScratchUse::kBias, static_cast<std::size_t>(job.out_blocks * kBlock));
  std::copy_n(job.args.epilogue.bias + group * channels, channels, bias);
  std::fill(bias + channels, bias + job.out_blocks * kBlock, T(0));
  return bias;
}

template <class T>
void RunBand(const Job<T>& job, const Place& place, const T* operands, const std::vector<Segment>& segments,
             std::int64_t first, std::int64_t last) {
  const ConvShape& s = job.args.shape;
  const std::int64_t image = place.n * BlocksOf(s.out_channels) * job.volume * kBlock;
  const std::int64_t pixel = (place.slice * job.plan.rows + place.row) * job.plan.columns;
  const std::int64_t pixels = place.rows * job.plan.columns;
  TileArgs<T> t{};
  t.segments = segments.data();
  t.segment_count = static_cast<std::int64_t>(segments.size());
  t.c_row = kBlock;
  t.epilogue = job.args.epilogue;
  t.epilogue.bias = PaddedBias(job, place.group);
  if (!job.shared_blocks) {
    const std::int64_t at = image + (place.group * job.out_blocks * job.volume + pixel) * kBlock;
    t.c = job.args.y + at;
    t.c_block = job.volume * kBlock;
    if (t.epilogue.residual != nullptr) t.epilogue.residual += at;
    return RunBlocks(job, t, place, operands, first, last);
  }
  t.c_block = pixels * kBlock;
  t.c = Scratch<T>(ScratchUse::kOutput, static_cast<std::size_t>(job.out_blocks * t.c_block));
  if (t.epilogue.residual != nullptr) {
    MoveLanes<true>(job, place, t.c, t.c_block, const_cast<T*>(t.epilogue.residual) + image, pixel, pixels);
    t.epilogue.residual = t.c;
  }
  RunBlocks(job, t, place, operands, 0, job.out_blocks);
  MoveLanes<false>(job, place, t.c, t.c_block, job.args.y + image, pixel, pixels);
}

}  // namespace

std::int64_t BlockedSize(std::int64_t batch, std::int64_t channels, const Extent3& extent) {
  return batch * BlocksOf(channels) * Volume(extent) * kBlock;
}

bool IsDepthwise(const ConvShape& s) { return s.groups > 1 && s.groups == s.in_channels && s.groups == s.out_channels; }

std::int64_t PackedConvWeightsSize(const ConvShape& s) {
  if (HasNarrowGroups(s)) return BlocksOf(s.out_channels) * kBlock * (s.in_channels / s.groups) * Volume(s.kernel);
  return s.groups * BlocksOf(s.out_channels / s.groups) * kBlock * (s.in_channels / s.groups) * Volume(s.kernel);
}

template <class T>
void PackConvWeights(const ConvShape& s, const T* weights, T* packed) {
  if (HasNarrowGroups(s)) return PackNarrowWeights(s, weights, packed);
  const std::int64_t inputs = s.in_channels / s.groups, outputs = s.out_channels / s.groups, taps = Volume(s.kernel);
  T* to = packed;
  for (std::int64_t group = 0; group < s.groups; ++group) {
    for (std::int64_t block = 0; block < outputs; block += kBlock) {
      const std::int64_t width = std::min(kBlock, outputs - block);
      const T* from = weights + (group * outputs + block) * inputs * taps;
      for (std::int64_t first = 0; first < inputs; first += kBlock) {
        for (std::int64_t tap = 0; tap < taps; ++tap) {
          for (std::int64_t in = first; in < std::min(inputs, first + kBlock); ++in, to += kBlock) {
            for (std::int64_t out = 0; out < width; ++out) to[out] = from[(out * inputs + in) * taps + tap];
            std::fill(to + width, to + kBlock, T(0));
          }
        }
      }
    }
  }
}

template <class T>
void Conv(const ConvArgs<T>& args, ThreadPool* pool) {
  const ConvShape& s = args.shape;
  if (s.batch * Volume(s.out) * s.out_channels == 0) return;
  if (HasNarrowGroups(s)) return NarrowConv(args, pool);
  const Job<T> job(args);
  const ConvRows& plan = job.plan;
  const std::int64_t bands = s.batch * s.groups * plan.slices * plan.bands;
  // Few bands are split by output channels too, so that every thread has work.
  const std::int64_t threads = pool == nullptr ? 1 : pool->size();
  const bool split = bands < 2 * threads && threads > 1 && !job.shared_blocks;
  const std::int64_t parts = split ? std::min((job.out_blocks + 1) / 2, 2 * threads) : 1;
  const std::int64_t step = ((job.out_blocks + parts - 1) / parts + 1) / 2 * 2;
  ParallelFor(pool, bands * parts, 1, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t copied = -1, segment_rows = -1;
    std::vector<Segment> segments;
    const T* operands = nullptr;
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t index = item / parts;
      Place place{};
      place.row = index % plan.bands * plan.band;
      place.slice = index / plan.bands % plan.slices;
      place.group = index / plan.bands / plan.slices % s.groups;
      place.n = index / plan.bands / plan.slices / s.groups;
      place.rows = std::min(plan.band, plan.rows - place.row);
      if (place.rows != segment_rows) {
        segments = plan.Segments(s, place.rows);
        segment_rows = place.rows;
      }
      if (plan.direct) {
        const std::int64_t channel = place.n * BlocksOf(s.in_channels) + place.group * plan.in_blocks;
        const std::int64_t slice = place.slice * s.stride[0] * s.in[1] * s.in[2] * kBlock;
        operands = args.x + channel * Volume(s.in) * kBlock + slice + place.row * plan.row_pitch;
      } else if (index != copied) {
        T* copy = Scratch<T>(ScratchUse::kRows, static_cast<std::size_t>(plan.CopySize(s, place.rows)));
        const std::int64_t inputs = s.in_channels / s.groups;
        CopyBand(s, plan, args.x_layout, args.x,
                 BandPlace{place.n, place.group * inputs, inputs, place.slice, place.row, place.rows}, copy);
        operands = copy;
        copied = index;
      }
      const std::int64_t first = item % parts * step, last = std::min(job.out_blocks, first + step);
      if (first < last) RunBand(job, place, operands, segments, first, last);
    }
  });
}

template void PackConvWeights<float>(const ConvShape&, const float*, float*);
template void PackConvWeights<double>(const ConvShape&, const double*, double*);
template void Conv<float>(const ConvArgs<float>&, ThreadPool*);
template void Conv<double>(const ConvArgs<double>&, ThreadPool*);

}  // namespace godwit::kernels
