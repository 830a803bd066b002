// The catalogue of where models can be made to run, and of what the runtimes of TFLite run.
#pragma once

#include <string>
#include <string_view>

namespace godwit::tools {

std::string TargetsText();
std::string TargetsJson();
std::string TargetsMarkdown();
/// What `explain` says of a target, "litert@2.1+xnnpack"; "" when there is none of that name.
std::string TargetText(std::string_view name);

std::string KernelsText();
std::string KernelsJson();
std::string KernelsMarkdown();
/// The rows of one operator of TFLite, for `explain`: each form that is written and from which runtime on.
std::string KernelsOf(std::string_view op);

}  // namespace godwit::tools
