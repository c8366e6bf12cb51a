// The section [early_exit] of a training.  Licence: Apache-2.0.
#pragma once

#include <cstdint>

namespace specula {

struct EarlyExitKeys {
  int exit_layer = 0;
  double exit_scale = 0.2, layer_dropout = 0;
  int64_t gamma = 4;

  template <class V>
  void visit(V& v) {
    v("exit_layer", exit_layer, 0, 1023, "layers that are to draft, by which it is validated; 0: half of them",
      "layers");
    v("exit_scale", exit_scale, 0.0, 1e3,
      "weight of the losses behind the earlier layers, each by the sum of the layers' numbers below it");
    v("layer_dropout", layer_dropout, 0.0, 0.9,
      "probability by which the last layer is left out for a text; less for those before it");
    v("gamma", gamma, 1, 64, "drafted tokens of a round whose expected accepted length is validated", "tokens");
  }
};

}  // namespace specula
