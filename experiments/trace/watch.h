// A decode with eyes: watchers stand around drafter, rule and keys, change nothing, and keep what passes by.  One
// sequence; what they cost belongs to no speed.  Licence: Apache-2.0.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "framework/decode/decode.h"

namespace specula {

struct TopToken {
  Token id;
  double p;
};

// A law on its way from the logits to p.
struct Stage {
  std::string name;           // "model", then each step of the sampler: "temperature(0.7)"
  std::vector<TopToken> top;  // the likeliest first
  int64_t alive = 0;          // tokens with mass
  double entropy = 0;         // nats
};

struct WatchedRow {  // of a draft, below the root
  int parent;        // 0: the root
  Token id;
  Draw draw;
  std::optional<double> q;  // of what was drawn
  double p;                 // in the target's law after the parent
  bool is_accepted;
  std::string why;
};

struct WatchedToken {
  Token id;
  int64_t position;
  bool is_drafted;
  std::vector<Stage> stages;  // of the law that it was judged by or drawn from
};

struct WatchedRound {
  std::vector<WatchedRow> rows;  // row 1 first
  std::vector<WatchedToken> tokens;
  std::string last;  // how the token behind the accepted ones came about
  bool is_cut;       // by a stop token or the limit
  std::vector<std::pair<std::string, double>> notes;
};

struct WatchOptions {
  int top;                               // tokens of each stage
  std::vector<std::string> stages;       // names, "model" first
  std::vector<const Sampler*> samplers;  // [stages] the policy up to each: none, the first step, the first two, ...
};

class Watch {
 public:
  // The session as it would be decoded; all that it refers to outlives the watch.
  Watch(const Session& session, WatchOptions options);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  Decoded decode(const Prefix& prompt, int64_t request);

  std::vector<WatchedRound> rounds;
  // By position, the length of the token's state at each site of Ask::hidden, 0 to L + 1.  The last token of a text has
  // none: nobody read it.
  std::map<int64_t, std::vector<double>> norms;

 private:
  class Drafting;
  class Judging;
  class Drawing;
  class Log;
  struct Coin {
    int row;
    std::vector<double> h;
    double u;
    int outcome;
  };
  void judged(const RoundRecord& record);
  void learned(const Feedback& feedback);
  std::string reason(const RoundRecord& record, int row, const std::vector<char>& accepted) const;
  std::vector<Stage> stages_of(const Tensor& logits, const RowContext& context) const;
  void keep_norms(const Tensor& states, int64_t row, int64_t position);  // states [R,S,H]

  const Session& session_;
  const WatchOptions options_;
  std::vector<int> sites_;
  int64_t request_ = 0, prompt_ = 0;
  std::optional<double> state_;  // of the policy's step that carries one
  std::vector<Coin> coins_;      // of the round
  std::string last_;             // what chance was asked for at its end
};

}  // namespace specula
