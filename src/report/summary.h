// What is in a model, as figures: the one source of what `inspect` prints, writes as JSON and draws.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace godwit {

struct PortSummary {
  std::string name;
  std::string type;  ///< "f32[N,3,224,224]"
};

struct WeightSummary {
  int64_t tensors = 0;
  int64_t elements = 0;
  uint64_t bytes = 0;  ///< as stored
};

/// One source node, with what its core operators do together.
struct LayerSummary {
  std::string name;
  std::string op_type;
  std::string scope;
  std::string output;  ///< type of its first result
  int64_t parameters = 0;
  double macs = 0;
  double output_bytes = 0;
  std::vector<std::string> core_ops;
};

struct ModelSummary {
  std::string name, producer, format;
  std::vector<std::pair<std::string, int64_t>> opsets;
  std::map<std::string, std::string> metadata;
  std::vector<PortSummary> inputs, outputs;
  std::map<std::string, WeightSummary> weights;  ///< by element type
  int64_t parameters = 0;
  uint64_t weight_bytes = 0;
  double macs = 0;
  double peak_activation_bytes = 0;
  std::vector<std::string> symbols;               ///< dims that are not numbers; figures count each as one
  std::map<std::string, int64_t> op_counts;       ///< by source operator
  std::map<std::string, int64_t> core_op_counts;  ///< by core operator
  int64_t source_nodes = 0, core_nodes = 0, subgraphs = 0;
  std::vector<LayerSummary> layers;
};

/// Without `layers` that list stays empty: it is longer than all the rest.
ModelSummary Summarise(const Graph& graph, bool layers = true);

/// For people; `layers` adds the table of layers.
std::string SummaryText(const ModelSummary& summary, bool layers);
std::string SummaryJson(const ModelSummary& summary, bool layers);

}  // namespace godwit
