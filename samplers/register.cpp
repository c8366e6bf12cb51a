#include "samplers/register.h"

#include "samplers/dry.h"
#include "samplers/epsilon.h"
#include "samplers/eta.h"
#include "samplers/frequency_penalty.h"
#include "samplers/grammar.h"
#include "samplers/json_schema.h"
#include "samplers/logit_bias.h"
#include "samplers/max_length.h"
#include "samplers/min_length.h"
#include "samplers/min_p.h"
#include "samplers/mirostat.h"
#include "samplers/no_repeat_ngram.h"
#include "samplers/presence_penalty.h"
#include "samplers/regex.h"
#include "samplers/repetition_penalty.h"
#include "samplers/suppress_tokens.h"
#include "samplers/temperature.h"
#include "samplers/top_k.h"
#include "samplers/top_n_sigma.h"
#include "samplers/top_p.h"
#include "samplers/typical_p.h"
#include "samplers/watermark.h"
#include "samplers/xtc.h"

namespace specula {

// transformers' own, where it has them (GenerationMixin._get_logits_processor); what it lacks stands beside its like.
// Constraints come first, where nothing was removed yet.
void register_samplers(Registry<LogitsProcessor>& samplers) {
  samplers.add(regex());
  samplers.add(grammar());
  samplers.add(json_schema());
  samplers.add(logit_bias());
  samplers.add(repetition_penalty());
  samplers.add(frequency_penalty());
  samplers.add(presence_penalty());
  samplers.add(dry());
  samplers.add(no_repeat_ngram());
  samplers.add(min_length());
  samplers.add(max_length());
  samplers.add(suppress_tokens());
  samplers.add(temperature());
  samplers.add(top_k());
  samplers.add(top_p());
  samplers.add(min_p());
  samplers.add(top_n_sigma());
  samplers.add(typical_p());
  samplers.add(epsilon());
  samplers.add(eta());
  samplers.add(xtc());
  samplers.add(mirostat());
  samplers.add(watermark());
}

std::vector<std::string> sampler_presets() { return {"transformers", "llama.cpp"}; }

std::vector<std::string> sampler_order(const std::string& preset) {
  // llama.cpp's own, where it has them (common_params_sampling: grammar and bias, then its default chain).
  if (preset == "llama.cpp") {
    return {"regex",
            "grammar",
            "json_schema",
            "logit_bias",
            "suppress_tokens",
            "min_length",
            "max_length",
            "no_repeat_ngram",
            "repetition_penalty",
            "frequency_penalty",
            "presence_penalty",
            "watermark",
            "dry",
            "top_n_sigma",
            "top_k",
            "typical_p",
            "epsilon",
            "eta",
            "top_p",
            "min_p",
            "xtc",
            "temperature",
            "mirostat"};
  }
  Registry<LogitsProcessor> samplers{.kind = "sampler"};
  register_samplers(samplers);
  return samplers.order;
}

}  // namespace specula
