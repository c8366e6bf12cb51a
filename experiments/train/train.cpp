#include "experiments/train/train.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "experiments/run/progress.h"

namespace specula {
namespace {

constexpr int64_t kMegabyte = 1'000'000;

}  // namespace

void check_train_output(const std::string& output) {
  namespace fs = std::filesystem;
  if (output.empty()) throw ConfigError("--output: the name of a file is missing");
  if (fs::is_directory(output)) throw ConfigError(cat("--output ", output, ": this is a folder"));
  const fs::path folder = fs::absolute(output).parent_path();
  if (!fs::is_directory(folder)) throw ConfigError(cat("--output ", output, ": there is no folder ", folder.string()));
}

void print_written(const std::string& output, const std::string& made_of) {
  char megabytes[32];
  std::snprintf(megabytes, sizeof megabytes, "%.1f MB",
                static_cast<double>(std::filesystem::file_size(output)) / static_cast<double>(kMegabyte));
  std::cout << output << ": " << megabytes << " from " << made_of << "\n";
}

TokenCorpus::TokenCorpus(std::string title, const CorpusArgs& args)
    : title_(std::move(title)),
      args_(args),
      corpus_({.paths = args.corpus, .format = args.format, .key = args.key}),
      tokenizer_(load_tokenizer(args.tokenizer)) {}

bool TokenCorpus::take_piece(const CorpusPiece& piece, const Take& take) {
  bool begins = piece.begins_document;
  std::string rest = piece.text;
  while (!rest.empty()) {  // a line of JSONL may be long
    const size_t length = cut_behind(rest, Corpus::kPieceBytes);
    std::vector<Token> ids = tokenizer_->encode(rest.substr(0, length), Tokenizer::Special::kWithout);
    rest.erase(0, length);
    if (args_.max_tokens > 0 && tokens_ + static_cast<int64_t>(ids.size()) > args_.max_tokens)
      ids.resize(static_cast<size_t>(args_.max_tokens - tokens_));
    if (ids.empty()) continue;
    tokens_ += static_cast<int64_t>(ids.size());
    documents_ += begins ? 1 : 0;
    take(ids, begins);
    begins = false;
    if (tokens_ == args_.max_tokens) return false;
  }
  return true;
}

void TokenCorpus::read(const Take& take) {
  Progress progress(title_, (corpus_.total_bytes() + kMegabyte - 1) / kMegabyte, "MB");
  CorpusPiece piece;
  while (corpus_.next(piece) && take_piece(piece, take))
    progress.reach(corpus_.bytes_read() / kMegabyte, cat(tokens_, " tokens"));
  if (tokens_ == 0) throw Error(cat("corpus ", join(args_.corpus), ": there is no token in it"));
}

std::string TokenCorpus::text() const {
  return cat(corpus_.files().size(), corpus_.files().size() == 1 ? " file, " : " files, ", documents_,
             documents_ == 1 ? " document, " : " documents, ", tokens_, tokens_ == 1 ? " token" : " tokens");
}

}  // namespace specula
