// Offsets in one block of memory for values of known size and life: values whose lives overlap do not.
#pragma once

#include <cstdint>
#include <vector>

namespace godwit {

struct ArenaItem {
  int64_t bytes = 0;
  int64_t first = 0;   ///< step that writes it
  int64_t last = 0;    ///< last step that reads it
  int64_t offset = 0;  ///< result
};

inline constexpr int64_t kArenaAlignment = 64;

/// Sets the offsets and returns the size of the arena.
int64_t PlanArena(std::vector<ArenaItem>* items);

}  // namespace godwit
