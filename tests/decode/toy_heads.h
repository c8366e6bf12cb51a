// Heads of random weights for toy targets: of every kind, tiny, and made for the states of a hash model.
#pragma once

#include <string>
#include <vector>

#include "framework/model/load.h"

namespace specula::testing {

std::vector<std::string> toy_head_kinds();
// Made when first asked for; vocabulary of the target.  Heads that end after some tokens name 6.
const LanguageModel& toy_head(const std::string& kind, int64_t vocab);

// A target of the hash model's sizes that is read from a folder: what heads take their ends from, and what can learn.
const LoadedModel& toy_llama(int64_t vocab);

}  // namespace specula::testing
