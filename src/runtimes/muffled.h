// What a foreign library writes to the standard error while it is called: kept from the user, and at hand where the
// call fails and its status says too little.
#pragma once

#include <string>

namespace godwit::runtimes {

/// For as long as it lives, the process's standard error goes to a file in memory.
class Muffled {
 public:
  Muffled();
  ~Muffled();
  Muffled(const Muffled&) = delete;
  Muffled& operator=(const Muffled&) = delete;

  /// The last line that speaks of an error, without what stands before the message; "" where none does.
  [[nodiscard]] std::string Error() const;

 private:
  int kept_ = -1;  // the standard error as it was
};

}  // namespace godwit::runtimes
