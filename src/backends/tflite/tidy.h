// Once every value has its order: what is known of orders by then leaves moves that nothing needs, and forms that
// TFLite's operators like better.
#pragma once

#include "ir/graph.h"
#include "rewrite/ledger.h"

namespace godwit::to_tflite {

Status Tidy(Graph* graph, const RewriteOptions& rewriting);

}  // namespace godwit::to_tflite
