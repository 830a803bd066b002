// A folder beside an output in which files that belong together have their names while they are judged.
#pragma once

#include <string>

#include "base/result.h"

namespace godwit {

class StagingFolder {
 public:
  /// Beside `path`; nobody else can look into it.
  static Result<StagingFolder> Create(const std::string& path);
  StagingFolder(StagingFolder&& other) noexcept;
  StagingFolder& operator=(StagingFolder&& other) = delete;
  /// Removes the folder, which must be empty by then.
  ~StagingFolder();

  [[nodiscard]] std::string PathOf(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit StagingFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace godwit
