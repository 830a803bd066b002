// Real samples for a model's inputs, from files: what --data names.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

/// How the pixels of a picture become elements: (pixel - mean) * scale for floats, with pixels from 0 to 255; integers
/// take the pixels as they are.
struct PictureOptions {
  std::vector<double> mean;   ///< one, or one for each channel; none: 0
  std::vector<double> scale;  ///< none: 1/255
  enum class Colour : uint8_t { kRgb, kBgr, kGray } colour = Colour::kRgb;
  /// What is taken of a picture before it is scaled to the input: first thought of at this size (one number: the length
  /// of its shorter side), then cut to its middle. None: the whole picture.
  std::vector<int64_t> resize;  ///< side, or height and width
  std::vector<int64_t> crop;    ///< side of a square, or height and width
};

struct DataOptions {
  /// "D" for the model's one input, or for archives that hold all of them; "NAME=D" for one of several. D is a file
  /// (.npy, .npz, .pb, a picture), a folder of them, in the order of their names, or a list (.txt) with a path a line.
  std::vector<std::string> sources;
  int64_t samples = 0;  ///< at most; 0: all
  PictureOptions pictures;
  Limits limits;
};

/// One value for each input in each sample; absent ones are for the caller to draw. Of several sources the shortest
/// decides how many there are. An array with more rows than the model's fixed first dim is split into several samples.
Result<std::vector<std::vector<RtValue>>> ReadData(const Graph& graph, const DataOptions& options);

}  // namespace godwit
