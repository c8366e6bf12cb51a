// The vocabularies of folders that are older than tokenizer.json, written as such a file.  Licence: Apache-2.0.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "framework/text/tokenizer_config.h"
#include "framework/text/tokenizers/folder.h"

namespace specula {

// vocab.json and merges.txt: byte-level BPE of the class that tokenizer_config.json names (GPT-2 where it names none).
nlohmann::json json_of_vocabulary_and_merges(const TokenizerFiles& files, const TokenizerConfig& config);
// vocab.txt: BERT's WordPiece.
nlohmann::json json_of_word_list(const TokenizerFiles& files, const TokenizerConfig& config);

// A file of at most 256 MB; throws Error for a larger one.
std::string read_vocabulary_file(const std::filesystem::path& file);
nlohmann::json parse_vocabulary_file(const std::filesystem::path& file);  // throws Error unless it is a JSON object

}  // namespace specula
