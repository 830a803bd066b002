// A picture as the value of an input: scaled to the input's height and width, in its layout and element type.
#pragma once

#include "api/data.h"
#include "formats/pictures/pictures.h"
#include "ir/type.h"

namespace godwit {

/// The input is [N,C,H,W], [N,H,W,C] or these without N, with C 1 or 3; dims that are open take the size of
/// what is shown of the picture. N is 1. Scaling is bilinear over pixel centres.
Result<Tensor> PictureAsInput(const Picture& picture, const Type& type, const PictureOptions& options);

}  // namespace godwit
