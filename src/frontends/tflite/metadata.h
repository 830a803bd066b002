// What a TFLite file says beside its tensors and operators, as metadata of the graph.
#pragma once

#include "formats/tflite/model.h"
#include "ir/graph.h"

namespace godwit::from_tflite {

/// "tflite.metadata.NAME" for each entry (bytes that are no text as "base64:..."), "tflite.signature" the key of the
/// entry that is read with "tflite.input.NAME" and "tflite.output.NAME" the tensors that it names, and "tflite.files"
/// an archive behind the tables.
void ReadMetadata(const tflite::Model& model, const tflite::SignatureDef* entry, Graph* graph);

/// An operator's name and options, for a node that keeps them verbatim.
Attrs OpaqueAttrs(const tflite::Model& model, const tflite::Operator& op);

}  // namespace godwit::from_tflite
