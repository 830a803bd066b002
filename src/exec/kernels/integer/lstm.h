// A long short-term memory layer on stored integers: 8-bit data, weights and hidden state, a 16-bit cell state whose
// scale is a power of two, gates in 16 bits with 12 after the point.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/fixed_point.h"

namespace godwit::kernels {

struct LstmGate {
  std::vector<int8_t> w, r;               ///< [hidden][inputs], [hidden][hidden]
  std::vector<int32_t> w_start, r_start;  ///< where the sums begin: bias, and what zero points take off
  fixed::Multiplier w_factor, r_factor;
};

struct LstmLayer {
  enum Gate : uint8_t { kInput, kForget, kUpdate, kOutput };
  int64_t batch = 1, time = 1, inputs = 0, hidden = 0;
  bool time_first = false, reverse = false;
  bool coupled = false;  ///< the input gate is 1 - the forget gate
  std::array<LstmGate, 4> gates;
  int cell_exponent = 0;  ///< log2 of the cell state's scale
  int16_t cell_clip = 0;  ///< 0: none
  fixed::Multiplier hidden_factor;
  int32_t hidden_zero = 0;
};

/// x and y as [batch][time] or [time][batch] of rows; h and c hold the first states and get the last ones.
void RunLstm(const LstmLayer& layer, const int8_t* x, int8_t* h, int16_t* c, int8_t* y);

}  // namespace godwit::kernels
