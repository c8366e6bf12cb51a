#include "framework/model/pass_input.h"

#include "framework/core/error.h"

namespace specula {

PassInput::PassInput(const Rows& rows, const KvCache& cache, int batch, const Ask& ask, const ModelInfo& info)
    : logits_(ask.logits) {
  Dims dims;
  dims.check(rows.token, "token", "B R");
  dims.check(rows.parent, "parent", "B R");
  SPECULA_CHECK(dims['B'] == batch, "rows of ", dims['B'], " sequences, cache of ", batch);
  SPECULA_CHECK(rows.token.scalar_type() == at::kLong && rows.parent.scalar_type() == at::kLong,
                "token and parent must be int64");
  for (const int site : ask.hidden)
    SPECULA_CHECK(site >= 0 && site <= info.layers + 1, "hidden site ", site, " of 0..", info.layers + 1);
  token_ = rows.token.contiguous();
  parent_ = rows.parent.contiguous();
  batch_ = dims['B'];
  rows_ = dims['R'];
  for (int b = 0; b < batch; ++b) counts_.push_back(count_rows(b, info.vocab, cache.tentative(b)));
}

int64_t PassInput::count_rows(int64_t b, int64_t vocab, int tentative) const {
  int64_t count = 0;
  for (int64_t r = 0; r < rows_; ++r) {
    if (token(b, r) == -1) continue;
    SPECULA_CHECK(r == count, "sequence ", b, ": padding before row ", r);
    SPECULA_CHECK(token(b, r) >= 0 && token(b, r) < vocab, "sequence ", b, " row ", r, ": token ", token(b, r),
                  " of a vocabulary of ", vocab);
    SPECULA_CHECK(parent(b, r) >= -1 && parent(b, r) < tentative + r, "sequence ", b, " row ", r, ": parent ",
                  parent(b, r), " of slot ", tentative + r);
    ++count;
  }
  return count;
}

int64_t PassInput::logits_row(int64_t b, int64_t r) const {
  if (logits_ == Logits::kAll) return out_row(b, r);
  return logits_ == Logits::kLast && r == count(b) - 1 ? b : -1;
}

}  // namespace specula
