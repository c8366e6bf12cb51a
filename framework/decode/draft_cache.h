// The cache of a draft model beside a text that others may extend too.  It remembers the rows that were fed to the
// model and, when it is asked what the cache lacks, keeps of them what has become text and drops the rest: whatever
// another drafter or the verifier put there, the cache follows.  A text that was changed, not extended (a draft model
// with another tokenizer), costs the tokens behind the first difference.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "framework/decode/draft_source.h"

namespace specula {

class DraftCache final : public DraftSource {
 public:
  // Feeds all but the last token of each prefix.
  DraftCache(const LanguageModel& model, std::span<const Prefix> prefixes);

  std::vector<Token> catch_up(int b, const Prefix& text) override;
  Pass forward(const std::vector<RowList>& lists, const Ask& ask) override;

  const LanguageModel& model() const { return model_; }
  const KvCache& cache() const { return *cache_; }

 private:
  struct Sequence {
    Prefix committed;
    RowList fed;  // the tentative slots
  };

  const LanguageModel& model_;
  std::unique_ptr<KvCache> cache_;
  std::vector<Sequence> sequences_;
};

}  // namespace specula
