// How far values are from what they should be: worst and mean error, correlation, signal to noise, and what an
// agreement is worth.
#pragma once

#include <cstdint>
#include <string>

#include "ir/tensor.h"

namespace godwit {

/// One value against its reference. Sequences and maps count as all their tensors together.
struct Deviation {
  std::string mismatch;        ///< another kind, element type or shape: nothing else is filled then
  bool exact = true;           ///< equal to the last bit
  bool discrete = false;       ///< integers, bools or strings: elements are equal or not
  int64_t count = 0;           ///< elements that were compared
  int64_t unequal = 0;         ///< of discrete ones
  int64_t lost = 0;            ///< NaN or infinite, and so is the reference, in the same way
  int64_t strays = 0;          ///< NaN or infinite where the reference is not, or the other way round
  double worst = 0;            ///< largest |difference|
  double total = 0;            ///< sum of |difference|
  double peak = 0;             ///< largest |reference|
  double least = 0, most = 0;  ///< of the reference
  bool two_valued = true;      ///< every element of the reference is its least or its most
  int64_t at = -1;             ///< flat index of the worst element, or of the first unequal one
  std::string shown;           ///< "4 instead of 5", of that element

  [[nodiscard]] double mean() const { return count > 0 ? total / static_cast<double>(count) : 0; }
};

/// Takes the deviations of one output over all samples.
class Meter {
 public:
  /// `same_type`: another element type is a mismatch even where both are floats, or both integers.
  explicit Meter(bool same_type = true) : same_type_(same_type) {}

  Deviation Add(const RtValue& actual, const RtValue& reference);
  /// Of everything added; 1 where all is equal, 0 where one side does not vary.
  [[nodiscard]] double correlation() const;
  /// Power of the reference over that of the differences, in dB; infinite where all is equal.
  [[nodiscard]] double sqnr() const;
  [[nodiscard]] int64_t count() const { return count_; }

 private:
  void AddTensor(const Tensor& actual, const Tensor& reference, Deviation* out);
  template <class Load>
  void AddNumbers(int64_t count, Load&& load, Deviation* out);

  bool same_type_;
  int64_t count_ = 0;
  double shift_ = 0;  // the first reference element: sums are taken around it
  double sum_r_ = 0, sum_a_ = 0, sum_rr_ = 0, sum_aa_ = 0, sum_ra_ = 0, power_ = 0, noise_ = 0;
};

}  // namespace godwit
