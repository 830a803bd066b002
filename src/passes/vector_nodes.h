// Nodes that do the same to every vector along the last axis, or only group the vectors in another way: what the dims
// before the last are makes no difference to them.
#pragma once

#include "rewrite/editor.h"

namespace godwit {

/// The same elements in the same order, transposes of dims of 1 included.
bool IsViewNode(const Graph& graph, const Node& node);

/// A value that may be seen as vectors in any grouping.
bool IsVectors(const Graph& graph, ValueId v);
/// Whether a reshape can state the shape: one dim at most is not a number, and none is zero, which would mean a copy.
bool IsExpressible(const Shape& shape);
/// Whether the node is of that kind. The operands that are not constants are vectors then: all of those of sums and
/// products, the first one of others.
bool TreatsVectorsAlike(const Graph& graph, const Node& node);
/// Sum, difference, product or quotient.
bool IsVectorBinary(const OpDef* op);
/// The constant with that shape, under its name.
Result<ValueId> ReshapedConstant(Editor& editor, ValueId constant, Dims dims);
/// The same vectors in another grouping are called what they were, where they have no name yet.
void HandName(Graph& graph, ValueId from, ValueId to);
/// The node over the same vectors in the grouping of `in`; it is no view.
Result<ValueId> AddRegrouped(Editor& editor, const Node& node, std::vector<ValueId> in);
/// -1 where the shape has a dim that is no number.
std::vector<int64_t> ReshapeNumbers(const Shape& shape);
Result<ValueId> AddReshape(Editor& editor, RegionId region, ValueId x, const std::vector<int64_t>& numbers,
                           OriginId origin);

Dim ProductOf(const Shape& shape, size_t first, size_t last);

}  // namespace godwit
