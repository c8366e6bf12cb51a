// What other numbers do to a model: it and a reference (the same weights in the checkpoint's dtype) are given the same
// texts, and their distributions are compared token by token.  Also the teacher-forced pass and the negative
// log-likelihood that scoring shares.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "framework/core/token.h"
#include "framework/model/language_model.h"

namespace specula {

// -log softmax(logits)[id] in nats, in double.  `position` names a NaN: throws NumericError.
double negative_log_likelihood(std::span<const float> logits, Token id, size_t position);

// The logits after each token of a text, a chunk of passes' rows at a time:
//   for (TeacherForcing text(model, ids); text.next();)
//     for (size_t i = 0; i < text.count(); ++i) use(text.first() + i, text.row(i));
class TeacherForcing {
 public:
  // Lends model and ids.  A pass has `chunk` rows.  Throws Error when the text is longer than the model's context.
  TeacherForcing(const LanguageModel& model, const Prefix& ids, size_t chunk = kUsualChunk);
  static constexpr size_t kUsualChunk = 128;  // of V = 128k they are 64 MB of logits
  bool next();                                // runs the next chunk; false: there is none
  size_t first() const { return first_; }
  size_t count() const { return count_; }
  std::span<const float> row(size_t i) const;  // [V] after token first() + i

 private:
  const LanguageModel& model_;
  const Prefix& ids_;
  std::unique_ptr<KvCache> cache_;
  Tensor logits_;  // [1,count,V]
  size_t chunk_, first_ = 0, count_ = 0;
};

// The same of text[first..], each token given all before it, summed.  Throws what TeacherForcing throws, and Error for
// `first` = 0: nothing comes before the first token.
double negative_log_likelihood(const LanguageModel& model, const Prefix& text, size_t first);

// Means over the scored tokens: all but the first of each text.  Nats.
struct Quality {
  int64_t tokens = 0;
  double nll_reference = 0, nll = 0;  // of the text's own tokens
  double nll_difference = 0;          // nll - nll_reference: positive is worse
  double nll_difference_se = 0;       // its standard error, tokens taken as independent; NaN below two tokens
  double kl = 0;                      // KL(reference || model)
  double argmax_equal = 0;            // share of tokens where both have the same most likely one
};
// Both models must share a vocabulary.  Throws Error when a text is too long or nothing is scored.
Quality compare_quality(const LanguageModel& reference, const LanguageModel& model, const std::vector<Prefix>& texts);

// A text in parts of at most `length` tokens, one after the other: how a text longer than a context is scored.
std::vector<Prefix> windows(const Prefix& ids, int64_t length);

}  // namespace specula
