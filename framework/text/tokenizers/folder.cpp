#include "framework/text/tokenizers/folder.h"

#include <fstream>

#include "framework/core/error.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

// tiktoken's files are lines of base64 and a rank; SentencePiece's begin with a protobuf tag.
bool is_tiktoken(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string word;
  int64_t rank = -1;
  std::string begin(64, '\0');
  in.read(begin.data(), static_cast<std::streamsize>(begin.size()));
  std::istringstream line(begin.substr(0, static_cast<size_t>(in.gcount())));
  return static_cast<bool>(line >> word >> rank) && rank == 0 &&
         word.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") ==
             std::string::npos;
}

}  // namespace

TokenizerFiles tokenizer_files(const fs::path& folder) {
  TokenizerFiles files{.folder = folder};
  const auto choose = [&](TokenizerKind kind, const char* name) {
    files.kind = kind;
    files.file = folder / name;
    return files;
  };
  const auto has = [&](const char* name) { return fs::is_regular_file(folder / name); };
  if (has("tokenizer.json")) return choose(TokenizerKind::kJson, "tokenizer.json");
  const bool ranks = has("tokenizer.model") && is_tiktoken(folder / "tokenizer.model");
  if (has("tokenizer.model") && !ranks) return choose(TokenizerKind::kSentencePiece, "tokenizer.model");
  if (has("vocab.json") && has("merges.txt")) return choose(TokenizerKind::kVocabularyAndMerges, "vocab.json");
  if (has("vocab.txt")) return choose(TokenizerKind::kWordList, "vocab.txt");
  for (const char* name : {"tekken.json", "tiktoken.model", "tokenizer.model"}) {
    if (has(name)) {
      files.refused += cat("; ", (folder / name).string(), " is a list of ranks (",
                           name == std::string("tekken.json") ? "tekken" : "tiktoken",
                           "), which is not read: convert the folder with transformers' save_pretrained");
    }
  }
  return files;
}

}  // namespace specula
