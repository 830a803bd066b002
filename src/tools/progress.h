// The line on a terminal that shows that something long is going on: nothing for the first half second, then what is
// being done and for how long. It stands on the error stream and is taken away before anything else is printed.
#pragma once

#include <cstdint>
#include <string>

#include "tools/options.h"

namespace godwit::tools {

/// The life of a command: its line is gone when this is. Where --progress and the terminal ask for none, nothing is
/// ever shown.
class Progress {
 public:
  explicit Progress(const Args& args);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();

  /// What is being done from now on, and which step of how many (0: not counted).
  static void Say(const std::string& what, size_t step = 0, size_t of = 0);
  /// Takes the line away until the next Say.
  static void Hide();
  /// The same in a signal handler that ends the process.
  static void HideForGood();
};

/// Whether --color and the terminal ask for colours in messages.
bool WantsColour(const Args& args);
/// The same where the command line could not be read: what the terminal asks for.
bool TerminalHasColours();

}  // namespace godwit::tools
