// The section [model] of a training: a decoder from scratch by its sizes, or one that a folder holds.  Licence:
// Apache-2.0.
#pragma once

#include <string>

#include "experiments/train/train_config.h"
#include "framework/train/decoder_weights.h"

namespace specula {

struct ModelKeys {
  std::string from, tokenizer;
  int64_t hidden = 384, layers = 6, heads = 6, kv_heads = 0, head_dim = 0, intermediate = 1024, context = 1024;
  double rope_theta = 10000, norm_eps = 1e-5;
  bool tied = true;

  template <class V>
  void visit(V& v) {
    v("from", from, "folder of a model to go on with; then its sizes and its tokenizer are taken and none is given");
    v("tokenizer", tokenizer, "folder whose tokenizer the model from scratch reads; it gives the vocabulary");
    v("hidden", hidden, 1, 1 << 17, "numbers of a state");
    v("layers", layers, 1, 1024, "decoder layers");
    v("heads", heads, 1, 4096, "of queries");
    v("kv_heads", kv_heads, 0, 4096, "of keys and values; 0: as many as of queries");
    v("head_dim", head_dim, 0, 1024, "numbers of a head; 0: hidden / heads");
    v("intermediate", intermediate, 1, 1 << 19, "numbers between the matrices of a feed-forward block");
    v("context", context, 1, 1 << 27, "longest text that it is made for", "tokens");
    v("rope_theta", rope_theta, 1.0, 1e12, "base of the rotary embedding");
    v("norm_eps", norm_eps, 1e-12, 1.0, "added to mean squares before their root is taken");
    v("tied", tied, "one matrix is embedding and head");
  }
};

// Reads [model] of the file; what is wrong with it becomes a problem of the file.
ModelKeys read_model_keys(TrainFile& file);

// A Llama by the keys, or what `from` holds.  Throws Error.
TrainableDecoder decoder_of(const ModelKeys& keys, uint64_t seed);

// The folder whose tokenizer reads the texts.
std::string tokenizer_of(const ModelKeys& keys);

}  // namespace specula
