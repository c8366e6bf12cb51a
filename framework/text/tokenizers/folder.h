// Which files of a model's folder hold its tokenizer.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>

namespace specula {

enum class TokenizerKind { kNone, kJson, kSentencePiece, kVocabularyAndMerges, kWordList };

struct TokenizerFiles {
  TokenizerKind kind = TokenizerKind::kNone;
  std::filesystem::path folder;
  std::filesystem::path file;  // the one that decides
  std::string refused;         // "; tekken.json is ..." where the folder has only what is not read
};

// tokenizer.json before tokenizer.model, as transformers takes them, then the files of older folders.
TokenizerFiles tokenizer_files(const std::filesystem::path& folder);

}  // namespace specula
