// Files that `specula train` makes of a corpus and drafters read: one frame for every kind.
//
// A head of 256 bytes (magic, version, byte order, kind, fingerprint of the tokenizer, sizes, checksums), then arrays
// of 32-bit numbers.  The file is mapped, not read into memory.  What the head claims is held against the real size of
// the file before anything else is believed, and the checksum of all of it is computed when it is opened (a read at the
// speed of memory).  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "framework/core/mapped_file.h"
#include "framework/core/token.h"
#include "framework/decode/registry.h"

namespace specula {

struct CorpusHead {
  std::string kind;       // "retrieval", "ngram_cache"; at most 15 bytes
  std::string tokenizer;  // its fingerprint; "": none, as toy files have it, which is never compared
  int64_t ids = 0;        // every token id in the file is below this
  int64_t tokens = 0;     // of the corpus
  int64_t order = 0;      // what the kind says
};

inline constexpr int64_t kMostCorpusTokens = 0x7FFFFFF0;  // positions are kept in 32 bits

// Reads and checks the head alone: what can be said of a file before the models load.  `kind` "": any.  Throws
// ConfigError for a file that is none of this kind or whose size is not what its head says.
CorpusHead read_corpus_head(const std::filesystem::path& path, const std::string& kind);

// Written atomically: readers see the old file or the new one.
void write_corpus_file(const std::filesystem::path& path, const CorpusHead& head,
                       std::span<const std::span<const uint32_t>> sections);

class CorpusFile {
 public:
  // Throws ConfigError as read_corpus_head() does, and where the checksum is wrong.
  CorpusFile(const std::filesystem::path& path, const std::string& kind);

  const CorpusHead& head() const { return head_; }
  const std::string& path() const { return path_; }
  size_t num_sections() const { return sections_.size(); }
  std::span<const uint32_t> section(size_t i) const { return sections_.at(i); }
  size_t bytes() const { return file_.bytes().size(); }

  // Throws ConfigError naming both where the file was made with another tokenizer than the target's, or has ids that
  // the target does not.
  void check_target(const Parts& parts) const;
  [[noreturn]] void fail(const std::string& what) const;  // ConfigError with the path and how to make the file again

 private:
  std::string path_;
  MappedFile file_;
  CorpusHead head_;
  std::vector<std::span<const uint32_t>> sections_;
};

}  // namespace specula
