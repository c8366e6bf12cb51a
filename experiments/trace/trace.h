// What `specula trace` shows, gathered, and its two forms.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "experiments/generation.h"
#include "experiments/trace/layer_times.h"
#include "experiments/trace/watch.h"

namespace specula {

struct Trace {
  const GenerationPlan& plan;
  const GenerationModels& models;
  const Decoded& decoded;
  const Watch& watch;
  std::string sampler;               // as given
  std::optional<LayerTimes> layers;  // where asked for
  Tensor attention;                  // [L,heads,T] entropies in nats; undefined where nobody asked
};

std::string trace_text(const Trace& trace);
std::string trace_json(const Trace& trace);

// What the text gains with each token from `first` on, as a reader sees it: bytes of an unfinished character are held
// back.
struct TextPart {
  Token id;
  std::string text;
  bool is_held;  // the token has bytes, and none could be shown yet
};
std::vector<TextPart> text_parts(const Trace& trace);

// "▁the"; "" where there is no tokenizer or the id stands for nothing.
std::string piece_of(const Trace& trace, Token id);

}  // namespace specula
