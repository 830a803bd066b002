// Two models layer by layer: which of their inner tensors are the same one, how far apart they are on one sample, and
// which departs first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ir/graph.h"

namespace godwit {

enum class MatchedBy : uint8_t { kName, kOrigin, kValue };
std::string_view Name(MatchedBy by);

/// One tensor of the reference and its twin. Errors are in units of the reference's peak.
struct LayerDeviation {
  std::string tensor;  ///< in the reference
  std::string node;    ///< that makes it there, by its source's name
  std::string place;   ///< the bodies that it is in, "/loop 0/if 1"; of a loop's, all turns along a first axis
  std::string op;
  std::string twin;  ///< the tensor in the other model
  MatchedBy by = MatchedBy::kName;
  std::string type;      ///< "f32[1,64,56,56]"
  std::string mismatch;  ///< another shape or element type: no figures then
  double worst = 0, mean = 0, peak = 0, correlation = 1, sqnr = 0;
  double tolerance = 0;
  bool exact = true;
  bool departs = false;

  // For pictures.
  double least = 0, most = 0;
  std::vector<int64_t> values;  ///< histogram of the reference from `least` to `most`
  std::vector<int64_t> errors;  ///< histogram of log10(|error| / peak) from -9 to 0, by quarters
  std::vector<double> channel_reference, channel_other;  ///< means along the channels; neighbours joined where many
  std::vector<double> channel_worst;                     ///< worst error there
};

struct LayerComparison {
  std::vector<LayerDeviation> layers;  ///< in the reference's order
  std::optional<size_t> first;         ///< the first that departs
  size_t unmatched = 0;                ///< tensors of the reference without a twin
  size_t idle = 0;                     ///< of branches that neither model took
};

struct LayerOptions {
  int threads = 0;
  double floor = 1e-5;
  double noise_factor = 4;
  bool pictures = false;  ///< fill what is for pictures
};

/// Runs both on `inputs`, which are in the order of the reference's inputs; the other's are matched by name. Twins are
/// found by tensor name, then by the source node's name, then by their values; those of branches and loops too.
Result<LayerComparison> CompareLayers(const Graph& reference, const Graph& other, const std::vector<RtValue>& inputs,
                                      const LayerOptions& options);

}  // namespace godwit
