// State of the model while it is read: variables and tensors that keep their contents between runs.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "ir/graph.h"

namespace godwit::from_tflite {

/// One variable: the value it holds at this place of the walk.
struct Variable {
  std::string name;
  Type type;
  ValueId input;    ///< the model's input that brings what the last run left; invalid: nothing has asked for it
  ValueId current;  ///< invalid: nothing was read or written
  Tensor initial;   ///< invalid: zeros
};

/// A table from keys to values, filled once.
struct LookupTable {
  Tensor keys, values;
};

struct State {
  std::map<std::string, Variable> variables;  ///< by container and name, or by tensor
  std::map<std::string, LookupTable> tables;  ///< by table id
  std::set<int64_t> initialised;              ///< the subgraphs that have been run to fill them
  /// What resources stand for, by subgraph and tensor.
  std::map<std::pair<size_t, int32_t>, std::string> handles;
};

}  // namespace godwit::from_tflite
