#include "exec/kernels/integer/lstm.h"

#include <algorithm>

namespace godwit::kernels {

namespace {

int16_t Cut(int32_t v) { return static_cast<int16_t>(std::clamp(v, -32768, 32767)); }

int32_t Dot(const int8_t* a, const int8_t* b, int64_t n, int32_t start) {
  int32_t sum = start;
  for (int64_t i = 0; i < n; ++i) sum += static_cast<int32_t>(a[i]) * b[i];
  return sum;
}

int16_t TanhOf(int16_t v, int integer_bits) {
  switch (integer_bits) {
    case 0: return fixed::Tanh<0>(v);
    case 1: return fixed::Tanh<1>(v);
    case 2: return fixed::Tanh<2>(v);
    case 3: return fixed::Tanh<3>(v);
    case 4: return fixed::Tanh<4>(v);
    case 5: return fixed::Tanh<5>(v);
    default: return fixed::Tanh<6>(v);
  }
}

void RunGate(const LstmLayer& l, LstmLayer::Gate which, const int8_t* x, const int8_t* h, int16_t* out) {
  const LstmGate& g = l.gates[which];
  for (int64_t j = 0; j < l.hidden; ++j) {
    const auto at = static_cast<size_t>(j);
    const int32_t from_x = Dot(g.w.data() + j * l.inputs, x, l.inputs, g.w_start[at]);
    const int32_t from_h = Dot(g.r.data() + j * l.hidden, h, l.hidden, g.r_start[at]);
    const int16_t first = Cut(g.w_factor.Apply(from_x));
    const int16_t sum = Cut(g.r_factor.Apply(from_h) + first);
    out[j] = which == LstmLayer::kUpdate ? fixed::Tanh<3>(sum) : fixed::Logistic<3>(sum);
  }
}

}  // namespace

void RunLstm(const LstmLayer& l, const int8_t* x, int8_t* h, int16_t* c, int8_t* y) {
  const auto n = static_cast<size_t>(l.hidden);
  std::vector<int16_t> input(n), forget(n), update(n), output(n);
  for (int64_t b = 0; b < l.batch; ++b) {
    int8_t* hb = h + b * l.hidden;
    int16_t* cb = c + b * l.hidden;
    for (int64_t step = 0; step < l.time; ++step) {
      const int64_t t = l.reverse ? l.time - 1 - step : step;
      const int64_t row = l.time_first ? t * l.batch + b : b * l.time + t;
      const int8_t* xt = x + row * l.inputs;
      if (!l.coupled) RunGate(l, LstmLayer::kInput, xt, hb, input.data());
      RunGate(l, LstmLayer::kForget, xt, hb, forget.data());
      RunGate(l, LstmLayer::kUpdate, xt, hb, update.data());
      RunGate(l, LstmLayer::kOutput, xt, hb, output.data());
      for (size_t j = 0; j < n; ++j) {
        const auto kept = static_cast<int16_t>(fixed::ShiftRight(static_cast<int32_t>(forget[j]) * cb[j], 15));
        const int32_t gate = l.coupled ? 32767 - forget[j] : input[j];
        const auto added = static_cast<int16_t>(fixed::ShiftRight(gate * update[j], 30 + l.cell_exponent));
        int16_t cell = Cut(kept + added);
        if (l.cell_clip > 0) cell = std::clamp<int16_t>(cell, static_cast<int16_t>(-l.cell_clip), l.cell_clip);
        cb[j] = cell;
        const int32_t v = l.hidden_factor.Apply(static_cast<int32_t>(output[j]) * TanhOf(cell, 15 + l.cell_exponent));
        hb[j] = static_cast<int8_t>(std::clamp(v + l.hidden_zero, -128, 127));
        y[row * l.hidden + static_cast<int64_t>(j)] = hb[j];
      }
    }
  }
}

}  // namespace godwit::kernels
