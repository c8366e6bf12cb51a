// What a run finds out about its models once they are loaded, and writes beside its numbers: the engine, whether rows
// keep their bits, and what quantized numbers cost on the run's own prompts.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "experiments/run/manifest.h"
#include "experiments/run/run_arm.h"
#include "experiments/run/run_plan.h"

namespace specula {

// The first turns of the prompts in their order, `most` tokens in all: what quality is measured on.
std::vector<Prefix> quality_texts(const Plan& plan, const ExperimentConfig& config, const Tokenizer& tokenizer,
                                  int64_t most);

// `known` are the models as the manifest has them; the same come back with what was found.  A quality that is known
// is not measured again.  Where one is measured, the model is loaded a second time in the dtype of its checkpoint, one
// after the other, so that at most one copy more is in memory; if there is no room, the record says so.
std::vector<RunModel> inspect_models(const std::vector<RunModel>& known, const Models& models,
                                     const std::vector<Prefix>& texts);

// How fast the machine multiplies in each model's numbers; not of quantized ones, whose products may be faster.
void add_product_rates(const ExperimentConfig& config, std::vector<RunModel>& models);

}  // namespace specula
