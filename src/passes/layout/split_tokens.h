// Operators that treat every vector of the last axis alike do not care how the other axes are cut. Where they stand
// between reshapes and transposes they run on the finest cut, so that one transpose can do what two did on either side.
#pragma once

#include "rewrite/editor.h"

namespace godwit::layout {

/// The editor is committed before and after. The results are the same bits.
Status SplitTokens(Editor& editor);

}  // namespace godwit::layout
