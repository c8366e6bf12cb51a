// The texts of a training as token ids, read once through a tokenizer.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/train/train_config.h"
#include "framework/text/tokenizer.h"
#include "framework/train/token_batches.h"

namespace specula {

struct TrainTexts {
  std::vector<TokenSource> sources;
  std::vector<Token> held_out;  // of all of them, in their order
  std::string sha256;           // of all ids
};

// `tokenizer` is a folder.  Throws ConfigError or Error for what is not there or cannot be read.
TrainTexts read_train_texts(const TrainConfig& config, const std::string& tokenizer);

}  // namespace specula
