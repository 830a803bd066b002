// Makes a graph ready to be written as TFLite: what TFLite cannot say at all is put into simpler operators and
// rewritten once more, then every value gets the order of axes that moves the fewest bytes.
#pragma once

#include "ir/graph.h"
#include "passes/layout/layout.h"
#include "rewrite/ledger.h"
#include "targets/tflite.h"

namespace godwit::to_tflite {

struct PrepareOptions {
  targets::TfliteProfile profile = {};
  LayoutOptions layout = {};
  /// Once more after decompositions, with these options. What decompositions gave is not put together again.
  bool rewrite = true;
  RewriteOptions rewriting = {};
};

struct PrepareReport {
  LayoutReport layout;
  int64_t decomposed = 0;  ///< nodes
  int64_t shuffles = 0;    ///< of channels, that weights have taken in
};

Status Prepare(Graph* graph, const PrepareOptions& options, PrepareReport* report);

/// What TFLite likes: channels last, one axis of softmax.
const LayoutTarget& TfliteLayout();

}  // namespace godwit::to_tflite
