#include "tests/decode/toy_corpus.h"

#include <unistd.h>

#include <filesystem>

#include "framework/core/error.h"
#include "framework/lookup/ngram_counts.h"
#include "framework/lookup/suffix_index.h"

namespace specula::testing {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / cat("specula-toy-corpus-", ::getpid())) {
    fs::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Every string of two tokens is followed by either, and "0 1" more often by 0.
const std::vector<Prefix> kDocuments = {{0, 1, 0, 1, 1, 0, 0, 1, 0, 0}, {1, 1, 1, 0, 1, 0}, {0, 0, 0, 1, 0, 1}};

}  // namespace

std::string toy_folder() {
  static const Folder folder;
  return folder.path().string();
}

std::string retrieval_file_of(const std::vector<Prefix>& documents, const std::string& name,
                              const std::string& tokenizer) {
  TokenDocuments tokens;
  for (const Prefix& document : documents) tokens.add(document, true);
  const std::string path = toy_folder() + "/" + name;
  write_suffix_index(path, std::move(tokens), tokenizer);
  return path;
}

std::string ngram_file_of(const std::vector<Prefix>& documents, int order, const std::string& name,
                          const std::string& tokenizer) {
  NgramCounter counter(order);
  for (const Prefix& document : documents) counter.add(document, true);
  const std::string path = toy_folder() + "/" + name;
  counter.write(path, tokenizer, 1);
  return path;
}

std::string toy_retrieval_file() {
  static const std::string path = retrieval_file_of(kDocuments, "toy.suffixes");
  return path;
}

std::string toy_ngram_file() {
  static const std::string path = ngram_file_of(kDocuments, 2, "toy.ngrams");
  return path;
}

}  // namespace specula::testing
