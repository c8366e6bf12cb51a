// The shapes of draft trees, one file each.  Internal to trees/; users call tree_shapes().  Licence: Apache-2.0.
#pragma once

#include "framework/decode/tree_shape.h"

namespace specula {

Registry<TreeShape>::Entry iid_shape();
Registry<TreeShape>::Entry without_replacement_shape();
Registry<TreeShape>::Entry fixed_shape();
Registry<TreeShape>::Entry dynamic_shape();
Registry<TreeShape>::Entry branch_split_shape();
Registry<TreeShape>::Entry best_first_shape();

template <class Shape, class Options, class FactsOf>
auto shape_entry(const std::string& name, const std::string& summary, const std::string& paper, const FactsOf& facts) {
  return make_entry<TreeShape, Shape, Options>(name, summary, paper, facts);
}

}  // namespace specula
