// Nodes that treat vectors alike run on any grouping of them. Connected parts of a graph get the one that needs the
// fewest reshapes where they begin and end: all vectors in a row, or the dims that a neighbour has. What is chosen does
// not depend on the grouping that the graph came with.
#pragma once

#include "rewrite/editor.h"

namespace godwit {

/// For runtimes whose products of matrices take tensors of any rank and see rows by themselves. The editor is committed
/// before and after. The results are the same bits.
Status RegroupVectors(Editor& editor);

}  // namespace godwit
