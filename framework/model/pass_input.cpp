#include "framework/model/pass_input.h"

#include "framework/core/error.h"

namespace specula {

PassInput::PassInput(const Rows& rows, const KvCache& cache, int batch, const Ask& ask, const ModelInfo& info,
                     int64_t carried)
    : resumes_(ask.first_layer > 0), logits_(ask.logits) {
  Dims dims;
  dims.check(rows.token, "token", "B R");
  dims.check(rows.parent, "parent", "B R");
  SPECULA_CHECK(dims['B'] == batch, "rows of ", dims['B'], " sequences, cache of ", batch);
  SPECULA_CHECK(rows.token.scalar_type() == at::kLong && rows.parent.scalar_type() == at::kLong,
                "token and parent must be int64");
  check_layers(ask, info.layers);
  check_view(ask.view);
  SPECULA_CHECK(carried == 0 || !resumes_, "a head does not resume");
  SPECULA_CHECK((resumes_ || carried > 0) == rows.hidden.defined(), "the pass starts at layer ", ask.first_layer,
                rows.hidden.defined() ? ", with states" : ", without states");
  if (rows.hidden.defined()) take_hidden(rows, carried > 0 ? carried : info.hidden, dims);
  token_ = rows.token.contiguous();
  parent_ = rows.parent.contiguous();
  batch_ = dims['B'];
  rows_ = dims['R'];
  for (int b = 0; b < batch; ++b) {
    const int tentative = cache.tentative(b);
    counts_.push_back(count_rows(b, info.vocab, resumes() ? 0 : tentative));
    SPECULA_CHECK(!resumes() || count(b) == tentative, "sequence ", b, " resumes ", count(b), " of ", tentative,
                  " tentative slots");
    SPECULA_CHECK(count(b) == 0 || ask.view.rewind <= cache.size(b), "sequence ", b, ": rewind ", ask.view.rewind,
                  " of ", cache.size(b), " committed slots");
  }
}

void PassInput::check_layers(const Ask& ask, int64_t layers) {
  SPECULA_CHECK(ask.first_layer >= 0 && ask.first_layer <= layers, "first layer ", ask.first_layer, " of 0..", layers);
  for (const int site : ask.hidden)
    SPECULA_CHECK(site >= ask.first_layer && site <= layers + 1, "hidden site ", site, " of ", ask.first_layer, "..",
                  layers + 1);
  for (const auto* skipped : {&ask.skip_attention, &ask.skip_mlp})
    SPECULA_CHECK(skipped->empty() || static_cast<int64_t>(skipped->size()) == layers, "skipped layers: a list of ",
                  skipped->size(), " for ", layers, " layers");
}

void PassInput::check_view(const KvView& view) {
  SPECULA_CHECK((view.sinks < 0) == (view.window < 0) && view.rewind >= 0, "view of ", view.sinks,
                " sinks, a window of ", view.window, ", rewound by ", view.rewind);
}

void PassInput::take_hidden(const Rows& rows, int64_t hidden_size, Dims& dims) {
  dims.check(rows.hidden, "hidden", "B R H");
  SPECULA_CHECK(dims['H'] == hidden_size && rows.hidden.scalar_type() == at::kFloat, "states of ", dims['H'],
                " numbers for a hidden size of ", hidden_size, "; they must be float32");
  hidden_ = rows.hidden.contiguous();
}

void PassInput::check_resumed(int64_t b, int64_t r, int parent_of_slot) const {
  SPECULA_CHECK(parent(b, r) == parent_of_slot, "sequence ", b, " row ", r, " resumes under slot ", parent(b, r),
                ", its slot hangs under ", parent_of_slot);
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
