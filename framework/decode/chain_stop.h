// A stopper beside a drafter of chains: what a drafter keeps to have one.  In the drafter:
//   ChainStop stop_;                                   // made by chain_stop() of drafters/stoppers/nested_stopper.h
//   begin():   stop_.begin(prefixes.size());
//   draft():   ChainDraft{.., .stop = &stop_}          // draft_chains() asks it
//   observe(): stop_.observe(feedback);
//   notes():   return stop_.notes(b);
// It learns only from rounds in which the verified tree was the chain that was drafted here: a drafter inside another
// may be told of others' trees.  Without a stopper every chain has the length that the drafter asks for.  Licence:
// Apache-2.0.
#pragma once

#include <memory>

#include "framework/decode/drafter.h"
#include "framework/decode/stopper.h"

namespace specula {

class ChainStop {
 public:
  ChainStop() = default;
  ChainStop(std::unique_ptr<Stopper> stopper, int length) : stopper_(std::move(stopper)), length_(length) {}

  void begin(size_t batch);
  void observe(const Feedback& feedback);
  std::vector<std::pair<std::string, double>> notes(size_t b) const;

  // For draft_chains: a round begins with at most `depth[b]` tokens, which this may lower; then rows are asked about.
  void open(const Round& round, std::vector<int>& depth);
  bool reads_q() const { return stopper_ != nullptr && stopper_->reads_q(); }
  bool before(size_t b, const StopRow& row) { return asks(b) && stopper_->before(row); }
  bool after(size_t b, const StopRow& row, Token drawn) { return asks(b) && stopper_->after(row, drawn); }
  void count_pass(size_t b) {
    if (asks(b)) ++chains_[b].passes;
  }
  void close(const std::vector<DraftTree>& trees);

 private:
  struct Chain {
    std::vector<Token> tokens;  // drafted in the last round
    int passes = 0;
    bool is_open = false;  // the stopper decided, and has not learned what came of it
  };
  bool asks(size_t b) const { return stopper_ != nullptr && chains_[b].is_open; }

  std::unique_ptr<Stopper> stopper_;
  int length_ = 0;
  std::vector<Chain> chains_;
};

}  // namespace specula
