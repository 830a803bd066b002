// What the parts of the parser share: where they read from and where they put the arrays of the views.
#pragma once

#include "formats/flatbuffers/reader.h"
#include "formats/tflite/arena.h"
#include "formats/tflite/model.h"

namespace godwit::tflite {

class Parser {
 public:
  explicit Parser(flat::Context* context) : context_(context) {}
  Model ReadModel();

 private:
  OperatorCode ReadCode(const flat::Table& t);
  SubGraph ReadSubGraph(const flat::Table& t);
  Tensor ReadTensor(const flat::Table& t);
  const Quantization* ReadQuantization(const flat::Table& t);
  const Sparsity* ReadSparsity(const flat::Table& t);
  SparseDimension ReadSparseDimension(const flat::Table& t);
  IndexVector ReadIndices(const flat::Table& t, uint16_t type_id);
  VariantType ReadVariant(const flat::Table& t);
  Operator ReadOperator(const flat::Table& t);
  Options ReadOptions(const flat::Table& t, const TableDef* table);
  Buffer ReadBuffer(const flat::Table& t);
  SignatureDef ReadSignature(const flat::Table& t);
  Metadata ReadMetadata(const flat::Table& t);
  TensorMap ReadTensorMap(const flat::Table& t);
  std::string_view ReadGroup(const flat::Table& t);
  ExternalBuffer ReadExternal(const flat::Table& t);

  /// n default elements; an empty span, and an error in the context, when memory beyond the limit would be needed.
  template <class T>
  std::span<T> Fresh(size_t n) {
    return n != 0 && context_->Charge(n, sizeof(T)) ? arena_.Fresh<T>(n) : std::span<T>();
  }
  /// Elements where they lie, or a copy if the file as a whole does not lie at a multiple of their size.
  template <class T>
  std::span<const T> Numbers(const flat::Table& t, uint16_t id) {
    const ByteSpan bytes = t.Elements(id, sizeof(T));
    const size_t n = bytes.size() / sizeof(T);
    if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(T) == 0) {
      return {reinterpret_cast<const T*>(bytes.data()), n};
    }
    const std::span<T> copy = Fresh<T>(n);
    if (!copy.empty()) std::memcpy(copy.data(), bytes.data(), bytes.size());
    return copy;
  }
  /// The tables of a vector, no more than `most` of them.
  template <class T>
  std::span<const T> All(const flat::Table& t, uint16_t id, T (Parser::*read)(const flat::Table&),
                         int64_t Limits::*most = nullptr) {
    const flat::Offsets tables = t.Children(id);
    if (most != nullptr && !Count(most, tables.size(), t.at())) return {};
    const std::span<T> out = Fresh<T>(tables.size());
    for (size_t k = 0; k < out.size() && context_->ok(); ++k) out[k] = (this->*read)(tables.TableAt(k));
    return out;
  }
  bool Count(int64_t Limits::*most, size_t n, uint64_t at);
  /// Bytes that lie behind the tables; empty, and an error, if outside the file.
  ByteSpan Behind(uint64_t offset, uint64_t size, uint64_t at);

  flat::Context* context_;
  ModelArena arena_;
  int64_t nodes_ = 0;
  int64_t tensors_ = 0;
};

}  // namespace godwit::tflite
