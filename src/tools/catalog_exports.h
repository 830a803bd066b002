// The catalogue of what is written as ONNX: the rows of the writer.
#pragma once

#include <string>

namespace godwit::tools {

std::string ExportsText();
std::string ExportsJson();
std::string ExportsMarkdown();

}  // namespace godwit::tools
