// What a trace holds, read back: the rounds of an arm as its rule saw them - tree, q, p.  A magic line, then frames of
// a size, a checksum and so many bytes: first the header, then one frame for each decoded turn.  A row of p or q is
// sparse where fewer than half its entries are not zero; else it costs 4 bytes a token.  Little-endian.  A torn tail is
// ignored.  experiments/run/trace_file writes them.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/decode/draft_tree.h"

namespace specula {

struct TraceHeader {
  std::string arm, drafter, verifier, sampler;  // as text; verifier: the rule that the rounds were played with
  int64_t vocab = 0;
  bool one_hot = false;      // every row of p has one token
  bool trees = false;        // the draft may have siblings
  bool q_next = false;       // q is known after every row, leaves included
  std::vector<Draw> laws{};  // of the draft; empty: nothing is drafted
  bool operator==(const TraceHeader&) const = default;
};

namespace trace_format {
inline const std::string kMagic = "specula.trace/1\n";
inline constexpr uint32_t kDense = ~uint32_t{0};  // in place of the count of a sparse row
uint64_t checksum(const char* bytes, size_t size);
TraceHeader header_of(const std::string& bytes, const std::string& place);  // throws Error naming the place
}  // namespace trace_format

// The frames of a file, one after the other.
class TraceFrames {
 public:
  explicit TraceFrames(const std::filesystem::path& path);  // throws Error for what is no trace
  ~TraceFrames();
  size_t at() const { return at_; }  // where the next frame begins
  bool is_torn() const;
  // No value at the end and before a torn frame; a frame that is whole in size but not in content is torn only where
  // nothing follows it, and else throws Error.
  std::optional<std::string> next();

 private:
  void read(size_t from, std::string& out) const;
  struct File;
  std::string path_;
  std::unique_ptr<File> file_;
  size_t at_ = 0;
};

struct TracedRound {
  int64_t start = 0;  // absolute position of the first token that the round emitted
  DraftTree tree;     // q as the rule saw it
  Tensor p;           // [R,V] float32
};

// The rounds of one decoded turn, read one at a time: dense rows of all of them may not fit.
class TracedTurn {
 public:
  TracedTurn(std::string bytes, int64_t vocab, std::string place);
  std::string arm, prompt, group, category;
  int32_t turn = 0, rep = 0;
  int64_t request = 0, n_in = 0;
  uint32_t num_rounds = 0;
  // False: there are no more.  Throws Error naming the file for what cannot be.
  bool next(TracedRound& round);
  // The same without the rows of p and q, which cost most of the time: points.
  bool next_tree(TracedRound& round);

 private:
  bool read(TracedRound& round, bool with_rows);
  std::string bytes_, place_;
  int64_t vocab_;
  size_t at_ = 0;
  uint32_t read_ = 0;
};

}  // namespace specula
