// Lays out the tables of a model that is to be written, with constants as blocks behind them.
#pragma once

#include "formats/flatbuffers/builder.h"
#include "formats/tflite/contents.h"
#include "formats/tflite/model.h"

namespace godwit::tflite {

/// What stands for the constants of a model in the layout.
struct ModelContents {
  Contents contents;
  std::vector<size_t> of_buffer;                           // one per buffer of the model
  std::vector<std::pair<const Operator*, size_t>> custom;  // operators whose custom options are large, in order
  size_t location = Contents::kNone;                       // the text that says where constants are
};

class Layout {
 public:
  /// `outside`: constants are no part of the tables, but named by their place in the file.
  Layout(const Model& model, const ModelContents& contents, uint64_t alignment, bool outside);
  [[nodiscard]] flat::Builder& builder() { return b_; }
  /// Which content a block of the builder is.
  [[nodiscard]] size_t ContentOf(size_t block) const { return content_of_block_[block]; }

 private:
  void PutModel();
  void PutCode(uint64_t slot, const OperatorCode& c);
  void PutSubGraph(uint64_t slot, const SubGraph& g);
  void PutTensor(uint64_t slot, const Tensor& t);
  void PutQuantization(uint64_t slot, const Quantization& q);
  void PutSparsity(uint64_t slot, const Sparsity& s);
  void PutSparseDimension(uint64_t slot, const SparseDimension& d);
  void PutOperator(uint64_t slot, const Operator& op);
  void PutOptions(uint64_t slot, const Options& options);
  void PutBuffer(uint64_t slot, size_t content);
  void PutMetadata(uint64_t slot, const Metadata& m);
  void PutSignature(uint64_t slot, const SignatureDef& s);
  void PutTensorMap(uint64_t slot, const TensorMap& m);
  void PutVariant(uint64_t slot, const VariantType& v);
  void PutExternal(uint64_t slot, const ExternalBuffer& e);
  /// A vector of tables.
  template <class T>
  void All(uint64_t slot, std::span<const T> items, void (Layout::*put)(uint64_t, const T&)) {
    uint64_t at = b_.Refs(slot, items.size());
    for (const T& item : items) {
      (this->*put)(at, item);
      at += flat::Builder::kSlotBytes;
    }
  }
  size_t BlockOf(size_t content);

  const Model& model_;
  const ModelContents& contents_;
  uint64_t alignment_;
  bool outside_;
  flat::Builder b_;
  std::vector<size_t> block_of_content_;
  std::vector<size_t> content_of_block_;
  size_t next_custom_ = 0;
};

}  // namespace godwit::tflite
