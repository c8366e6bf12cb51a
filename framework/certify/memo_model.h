// A model that remembers its rows: what a hundred thousand rounds after one text need.  Rows are kept by the tokens
// that follow a fixed text, the most frequent ones come first by themselves; what does not fit is computed each time.
// Passes that skip layers or see a part of the text have rows of their own; one that resumes gives the rows of a whole
// pass, as engines promise, and the states of its early exit are blanks.  Other hidden states are not to be had: a
// drafter that reads them cannot be served.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "framework/model/language_model.h"

namespace specula {

class MemoModel final : public LanguageModel {
 public:
  // Lends `model`.  `base`: the text that every sequence begins with; rows within it have no logits.
  MemoModel(const LanguageModel& model, Prefix base, size_t most_bytes = size_t{256} << 20);
  int64_t vocab() const override { return model_.vocab(); }
  int64_t context() const override { return model_.context(); }
  int64_t layers() const override { return model_.layers(); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override;
  // Not thread-safe: rows are shared by all caches.
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override;
  int64_t computed() const { return computed_; }  // rows that the model was asked for

 private:
  using Path = std::vector<Token>;  // the tokens after the base, down to a row
  struct Row {
    Path path;
    size_t committed;  // tokens of the path
    int64_t to;        // row of the result
  };
  std::vector<Row> take_rows(const Rows& rows, KvCache& cache, const Ask& ask) const;
  const float* find(const std::string& key) const;
  void keep(const std::string& key, const float* row) const;
  void compute(const std::vector<Row>& rows, const Ask& ask) const;
  void compute_one(const Row& row, const Ask& ask) const;

  const LanguageModel& model_;
  const Prefix base_;
  const size_t most_rows_;
  mutable std::unique_ptr<KvCache> cache_;                               // holds the base
  mutable std::unordered_map<std::string, std::vector<float>> known_;    // [V] by the bytes of the path
  mutable std::unordered_map<std::string, std::vector<float>> passing_;  // of the last pass, where `known_` is full
  mutable int64_t computed_ = 0;
};

}  // namespace specula
