// Where a convolution finds its operands. A band of output rows is computed from the input itself when the taps of
// neighbouring outputs already lie one block apart, and otherwise from a copy that holds padding and strides resolved.
#pragma once

#include <vector>

#include "exec/kernels/conv.h"
#include "exec/kernels/tile.h"

namespace godwit::kernels {

std::int64_t BlocksOf(std::int64_t channels);

/// The plan of one convolution: how its output rows are cut into bands and how a band's operands are laid out.
struct ConvRows {
  /// `may_join` lets short output rows be laid end to end, at the price of a copy for each column of the kernel.
  /// `band_elements` is about what a band's operands may take.
  ConvRows(const ConvShape& shape, DataLayout layout, bool may_join, std::int64_t band_elements);

  // One plane of the copy holds, at index j of an axis, the input at j * stride + start.
  struct Plane {
    std::int64_t start;
  };
  struct Tap {
    std::int64_t plane;
    std::int64_t shift;
  };

  bool direct = false;         // operands are read in place
  bool joined = false;         // output rows follow each other without a gap in the operands
  std::int64_t width = 16;     // channels in a block of the copy: 4 or 16
  std::int64_t in_blocks = 0;  // of one group
  std::int64_t band = 0;       // output rows (of width out[2]) computed at a time
  std::int64_t bands = 0;      // in one depth slice of the output, or in all of it when that is one long row
  std::int64_t row_pitch = 0;  // elements between the operands of an output row and the next
  std::int64_t rows = 0;       // output rows in a slice
  std::int64_t columns = 0;    // outputs in a row
  std::int64_t slices = 0;
  std::vector<Plane> row_planes, column_planes;
  std::vector<Tap> row_taps, column_taps;
  std::int64_t plane_columns = 0;
  std::int64_t more_rows = 0;  // rows of a plane beyond those of the band

  [[nodiscard]] std::int64_t PlaneSize(std::int64_t band_rows) const {
    return (band_rows + more_rows) * plane_columns * width;
  }
  [[nodiscard]] std::int64_t CopySize(const ConvShape& shape, std::int64_t band_rows) const;
  /// The runs of the sum for a band of `band_rows` rows, in the canonical order.
  [[nodiscard]] std::vector<Segment> Segments(const ConvShape& shape, std::int64_t band_rows) const;
};

/// Which part of the input a copy is for: output rows [row, row + rows) of depth slice `slice` of image `n`.
struct BandPlace {
  std::int64_t n, first_channel, channels, slice, row, rows;
  std::int64_t repeat = 1;  // the channels are those of a tensor that holds each input channel so many times
};

template <class T>
void CopyBand(const ConvShape& shape, const ConvRows& plan, DataLayout layout, const T* x, const BandPlace& place,
              T* copy);

}  // namespace godwit::kernels
