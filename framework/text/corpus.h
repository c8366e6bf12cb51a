// A corpus: plain text and JSONL files, read in pieces of bounded size whatever the size of a file.
//
// A line of JSONL is a document, {"text": "..."} with a key that may be chosen; so is a file of plain text.  Plain text
// comes in pieces of about kPieceBytes, cut behind a line (or a word, where a line is longer), and is tokenized piece
// by piece: at a cut, about once in 10 000 tokens, the tokens may differ from those of the uncut text.
// Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <vector>

#include "framework/text/tokenizer.h"

namespace specula {

struct CorpusChoice {
  std::vector<std::string> paths;  // files, folders (searched for known endings), globs
  std::string format = "auto";     // auto: by the ending, .jsonl and .ndjson or else text; text; jsonl
  std::string key = "text";        // of a JSONL line
};

struct CorpusPiece {
  std::string text;
  bool begins_document = true;
};

class Corpus {
 public:
  static constexpr size_t kPieceBytes = 65536;
  static constexpr size_t kLongestLine = size_t{1} << 28;  // of JSONL: 256 MB

  // Finds the files, in the order given, those of a folder or glob by name.  Throws ConfigError for a path that is
  // not there, a folder or glob without files, an unknown format, and where all files are empty.
  explicit Corpus(const CorpusChoice& choice);

  // The next piece, or false at the end.  Throws Error naming file:line for a line that is not an object with the key
  // or whose value is not a text, and naming the file and byte for a NUL, which no text has.
  bool next(CorpusPiece& piece);

  int64_t total_bytes() const { return total_bytes_; }
  int64_t bytes_read() const { return bytes_read_; }
  const std::vector<std::filesystem::path>& files() const { return files_; }

 private:
  bool next_file();
  bool next_line(CorpusPiece& piece);
  bool next_text(CorpusPiece& piece);
  bool is_jsonl(const std::filesystem::path& file) const;
  size_t fill(size_t wanted);  // reads until `buffer_` holds so many bytes or the file ends; how many it holds

  CorpusChoice choice_;
  std::vector<std::filesystem::path> files_;
  int64_t total_bytes_ = 0, bytes_read_ = 0;
  size_t file_ = 0;  // the next one to open
  std::ifstream in_;
  std::string place_, buffer_, line_;
  bool open_ = false, jsonl_ = false, at_start_ = false;
  int64_t line_number_ = 0, offset_ = 0;  // of the file that is open
};

// Where to cut the front of a text of at most `limit` bytes off: behind a line, else behind a word, else between two
// characters.
size_t cut_behind(const std::string& text, size_t limit);

}  // namespace specula
