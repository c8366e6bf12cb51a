// What forward() is given, checked before anything is added to a cache.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/load.h"

namespace specula {

class PassInput {
 public:
  // `batch`: of the cache.  `carried`: numbers of the state that each row carries; 0: none.  Throws std::logic_error
  // for shapes, dtypes, tokens, parents and hidden sites that are wrong.
  PassInput(const Rows& rows, const KvCache& cache, int batch, const Ask& ask, const ModelInfo& info,
            int64_t carried = 0);
  // Row r of sequence b where the pass resumes: throws std::logic_error unless its parent is the slot's.
  void check_resumed(int64_t b, int64_t r, int parent_of_slot) const;

  int64_t batch() const { return batch_; }
  int64_t rows() const { return rows_; }                                      // of a line, padding counted
  int64_t count(int64_t b) const { return counts_[static_cast<size_t>(b)]; }  // rows of sequence b, without padding
  int64_t out_row(int64_t b, int64_t r) const { return b * rows_ + r; }       // of [B * R]
  int64_t token(int64_t b, int64_t r) const { return token_.const_data_ptr<int64_t>()[out_row(b, r)]; }
  int parent(int64_t b, int64_t r) const { return static_cast<int>(parent_.const_data_ptr<int64_t>()[out_row(b, r)]); }
  int64_t logits_lines() const { return logits_ == Logits::kAll ? rows_ : 1; }  // of a sequence
  int64_t logits_row(int64_t b, int64_t r) const;                               // of [B * lines]; -1: not wanted
  bool resumes() const { return resumes_; }
  // [B*R,H]: what rows carry, or what the pass resumes from; else null.
  const float* hidden() const { return hidden_.defined() ? hidden_.const_data_ptr<float>() : nullptr; }
  const Tensor& hidden_rows() const { return hidden_; }  // [B,R,H] or undefined

 private:
  static void check_layers(const Ask& ask, int64_t layers);
  static void check_view(const KvView& view);
  void take_hidden(const Rows& rows, int64_t hidden_size, Dims& dims);
  int64_t count_rows(int64_t b, int64_t vocab, int tentative) const;

  Tensor token_, parent_;  // [B,R] int64, contiguous
  Tensor hidden_;          // [B,R,H] float32, contiguous
  bool resumes_ = false;
  int64_t batch_ = 0, rows_ = 0;
  Logits logits_;
  std::vector<int64_t> counts_;
};

}  // namespace specula
