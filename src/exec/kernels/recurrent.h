// The elementwise part of one time step of a recurrent layer: what follows the products of input and state. Sigmoid and
// tanh are those of the elementwise kernels; products and sums round one by one, so no result depends on the vectors.
#pragma once

#include <cstdint>

#include "base/threads.h"

namespace godwit::kernels {

template <class T>
struct GateArgs {
  std::int64_t rows = 0, hidden = 0;
  T* gates = nullptr;  // sums of the gates, [row][gate][hidden], rows `gates_row` apart; may be overwritten
  std::int64_t gates_row = 0;
  T* h = nullptr;  // [row][hidden], the old state, then the new one
  T* c = nullptr;  // lstm: the cell state likewise
  T* y = nullptr;  // where the new state is stored too, rows `y_row` apart; may be absent
  std::int64_t y_row = 0;
  T* product = nullptr;         // gru: [row][hidden], see below
  const T* peephole = nullptr;  // lstm: for the gates i, o, f; may be absent
  T clip = 0;                   // bound on what enters a gate function; 0 for none
  bool flag = false;            // lstm: the forget gate is 1 - the input gate; rnn: relu for tanh
};

/// h = tanh(gates).
template <class T>
void RnnGates(const GateArgs<T>& args, ThreadPool* pool = nullptr);

/// Gates i, o, f, c.
template <class T>
void LstmGates(const GateArgs<T>& args, ThreadPool* pool = nullptr);

/// Gates z, r of z, r, h: z becomes its sigmoid, `product` sigmoid(r) * h.
template <class T>
void GruReset(const GateArgs<T>& args, ThreadPool* pool = nullptr);

/// The rest of that step, the product of `product` having been added to gate h.
template <class T>
void GruGates(const GateArgs<T>& args, ThreadPool* pool = nullptr);

/// All of it where the reset gate multiplies the recurrent product of gate h, which `product` holds.
template <class T>
void GruLinearGates(const GateArgs<T>& args, ThreadPool* pool = nullptr);

}  // namespace godwit::kernels
