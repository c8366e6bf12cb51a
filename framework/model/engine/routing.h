// Which experts the rows of a pass use, and with what weight (Shazeer et al. 2017).  What a row gets depends on its own
// router outputs alone.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/architecture/decoder_config.h"

namespace specula {

struct Routing {
  struct Group {  // the rows of one expert
    size_t expert;
    int64_t first, count;  // of `row` and `weight`
  };
  std::vector<Group> groups;  // of the experts that some row uses, ascending
  std::vector<int64_t> row;   // [rows * top] group by group, ascending within each
  std::vector<float> weight;  // likewise
  std::vector<float> shared;  // [rows] of the block that every row uses

  // `router`: row m's outputs at m * stride, one for each expert and, where the config says so, the shared block's
  // gate.
  void choose(const Experts& experts, const float* router, int64_t stride, int64_t rows);

 private:
  void choose_row(const Experts& experts, const float* router, int64_t index);

  std::vector<int64_t> order_;        // [experts] by the router's outputs of a row
  std::vector<int64_t> expert_;       // [rows * top] ascending in each row
  std::vector<float> expert_weight_;  // likewise
};

}  // namespace specula
