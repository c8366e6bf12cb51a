// The section [head] of a training.  Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "framework/train/divergence.h"

namespace specula {

// What only some kinds of heads have is a key of those alone; without a kind all are shown.
struct HeadKeys {
  std::string kind;
  std::string target, loss = "forward_kl";
  int levels = 4, gamma = 4, blocks = 1, block = 8, layers = 1, mask_token = 0, exit_layer = 2;
  double beta = 0.5, decay = 0.8, data_share = 0, feature_share = 0, noise = 0;
  bool shared_output = false, prefix = false, fc_norm = false, norm_output = false;
  std::vector<double> sites;
  int64_t inner = 0, intermediate = 0, heads = 0, kv_heads = 0, draft_vocab = 0;

  bool is_of(const std::vector<std::string>& kinds) const {
    return kind.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
  }

  template <class V>
  void visit(V& v) {
    v("target", target, "folder of the model that the head is to draft for; it does not learn");
    if (kind != "kangaroo" && kind != "block_diffusion")
      v("levels", levels, 1, 64,
        "of heads that attend, own predictions that are unrolled in training; of peagle and others, tokens that they "
        "learn to draft",
        "tokens");
    v("gamma", gamma, 1, 64, "drafted tokens of the chains by which it is validated", "tokens");
    v("loss", loss, divergence_names(), "how far the head's distribution is from the target's");
    v("beta", beta, 0.001, 0.999, "of jsd: weight of the target's side");
    if (kind != "kangaroo") v("decay", decay, 0.001, 1.0, "level k counts decay^k, the first one 1");
    v("data_share", data_share, 0.0, 1.0, "share of the loss that is cross-entropy of the texts' own tokens");
    if (is_of({"medusa", "hydra"})) v("blocks", blocks, 1, 16, "of medusa, hydra: residual blocks of a head", "blocks");
    if (is_of({"medusa"}))
      v("shared_output", shared_output, "of medusa: heads end in the target's own output head, which is not stored");
    if (is_of({"hydra"}))
      v("prefix", prefix, "of hydra: a decoder layer reads the target's states before the heads do (Hydra++)");
    if (is_of({"mlp_speculator"}))
      v("inner", inner, 0, 1 << 17, "of mlp_speculator: numbers of its state; 0: as the target's");
    if (is_of({"eagle", "eagle3", "peagle", "mtp", "block_diffusion"}))
      v("intermediate", intermediate, 0, 1 << 19,
        "of eagle, eagle3, peagle, mtp, block_diffusion: numbers inside the feed-forward block; 0: as the target's");
    if (is_of({"eagle", "eagle3", "peagle", "mtp", "kangaroo", "block_diffusion"})) {
      v("heads", heads, 0, 4096, "of heads that attend: heads of queries; 0: as the target's");
      v("kv_heads", kv_heads, 0, 4096, "of heads that attend: heads of keys and values; 0: as the target's");
    }
    if (is_of({"block_diffusion"})) {
      v("block", block, 2, 256, "of block_diffusion: the last token of the text and masks behind it", "tokens");
      v("layers", layers, 1, 64, "of block_diffusion: its layers", "layers");
    }
    if (is_of({"kangaroo"}))
      v("exit_layer", exit_layer, 1, 1024, "of kangaroo: layers of the target in front of the adapter", "layers");
    if (is_of({"eagle"}))
      v("feature_share", feature_share, 0.0, 1e3,
        "of eagle: weight of the smooth L1 distance between its states and the target's, beside the loss");
    if (is_of({"eagle", "eagle3", "peagle", "mtp"}))
      v("noise", noise, 0.0, 1e3,
        "of eagle, eagle3, peagle, mtp: numbers of U(-noise, noise) are added to the target's states in training "
        "(EAGLE: 0.1)");
    if (is_of({"parallel_draft", "peagle", "block_diffusion"}))
      v("mask_token", mask_token, 0, 1 << 30,
        "of parallel_draft, peagle, block_diffusion: the token that stands for those to come; best one that no text "
        "has");
    if (is_of({"eagle3", "peagle", "block_diffusion"}))
      v("sites", sites, 0, 4096,
        "of eagle3, peagle, block_diffusion: states of the target that are joined, by the layer that they enter; "
        "empty: 2, "
        "L/2, "
        "L-3, or one for each layer of block_diffusion, spread over 2 .. L-2");
    if (is_of({"eagle3", "peagle"})) {
      v("draft_vocab", draft_vocab, 0, 1 << 22,
        "of eagle3, peagle: so many of the texts' most frequent tokens are drafted; 0: all", "tokens");
      v("fc_norm", fc_norm, "of eagle3, peagle: each of the states that are joined has a norm of its own (EAGLE-3.1)");
    }
    if (is_of({"eagle3"})) {
      v("norm_output", norm_output,
        "of eagle3: a drafted row carries what is behind the head's final norm, not in front of it (EAGLE-3.1)");
    }
  }
};

}  // namespace specula
