// Names of files and folders that are not to outlive the process: what a signal handler can still remove.
#pragma once

#include <string>

namespace godwit {

/// A name beside `path` that this process has not given yet.
std::string TemporaryName(const std::string& path);
/// Very long names, and those beyond the first few, are not remembered.
void RememberTemporary(const std::string& path);
void ForgetTemporary(const std::string& path);

/// Removes every temporary that is still in the making. May be called in a signal handler that ends the process.
void RemoveTemporaryFiles();

}  // namespace godwit
