// The section [distill] of a training.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "framework/train/divergence.h"

namespace specula {

struct DistillKeys {
  std::string target, loss = "forward_kl";
  double beta = 0.5, data_share = 0, on_policy = 0;
  int64_t written = 32, gamma = 4;

  template <class V>
  void visit(V& v) {
    v("target", target, "folder of the model whose distributions are learnt; it does not change");
    v("loss", loss, divergence_names(),
      "distance between the distributions: Kullback-Leibler from the target's side or the draft's, Jensen-Shannon, "
      "total variation, and that with a normalised reward");
    v("beta", beta, 0.001, 0.999, "weight of the target's side in jsd");
    v("data_share", data_share, 0.0, 1.0, "share of the loss that is cross-entropy of the texts' own tokens");
    v("on_policy", on_policy, 0.0, 1.0, "share of the rows whose end the draft itself writes");
    v("written", written, 1, 1 << 20, "tokens that it writes there, each for a forward pass of the draft", "tokens");
    v("gamma", gamma, 1, 64, "drafted tokens of a round whose expected accepted length is validated", "tokens");
  }
};

}  // namespace specula
