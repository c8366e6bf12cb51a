#include "framework/decode/trees/shapes.h"

namespace specula {
namespace {

// Drafted by draft_chains(): it has a length and needs no grower.
Registry<TreeShape>::Entry chain_shape() {
  return {.name = "chain",
          .summary = "No siblings: `length` tokens, one below the other.",
          .paper = "Leviathan et al. 2023; Chen et al. 2023",
          .options = {},
          .facts =
              [](const Params& params, Policy /*policy*/) {
                read_options<NoOptions>(params);
                return Facts{.laws = {Draw::kIid}};
              },
          .make = [](const Params& params, const Parts& /*parts*/) -> std::unique_ptr<TreeShape> {
            throw std::logic_error(cat(params.place, ": a chain has no shape"));
          },
          .resolve =
              [](const Params& params) {
                Value resolved;
                read_options<NoOptions>(params, &resolved);
                return resolved;
              }};
}

}  // namespace

const Registry<TreeShape>& tree_shapes() {
  static const Registry<TreeShape> instance = [] {
    Registry<TreeShape> shapes{.kind = "tree shape"};
    shapes.add(chain_shape());
    shapes.add(iid_shape());
    shapes.add(without_replacement_shape());
    shapes.add(fixed_shape());
    shapes.add(dynamic_shape());
    shapes.add(branch_split_shape());
    shapes.add(best_first_shape());
    return shapes;
  }();
  return instance;
}

}  // namespace specula
