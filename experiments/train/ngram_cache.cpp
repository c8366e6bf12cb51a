// `specula train ngram_cache`: how often each token follows n others in a corpus.  Licence: Apache-2.0.
#include "experiments/train/train.h"
#include "framework/lookup/ngram_counts.h"

namespace specula {

ExitCode train_ngram_cache_command(const TrainNgramCacheArgs& args) {
  if (args.order < 1 || args.order > kLongestNgram)
    throw ConfigError(cat("--order = ", args.order, " is out of range 1..", kLongestNgram));
  check_train_output(args.output);
  TokenCorpus corpus("train ngram_cache", args);
  NgramCounter counter(args.order);
  corpus.read([&](std::span<const Token> ids, bool begins) { counter.add(ids, begins); });
  const int64_t distinct = counter.distinct();
  counter.write(args.output, corpus.tokenizer().fingerprint(), args.min_count);
  print_written(args.output, cat(corpus.text(), "; ", distinct, " distinct n-grams of ", args.order + 1));
  return ExitCode::kOk;
}

}  // namespace specula
