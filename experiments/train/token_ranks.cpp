// `specula train token_ranks`: the tokens of a corpus from the most frequent down.  Licence: Apache-2.0.
#include <cmath>

#include "experiments/train/train.h"
#include "framework/lookup/token_ranks.h"

namespace specula {
namespace {

// "; the first 1024 are 71.3 % of the corpus, 4096 89 %"
std::string coverage_text(const TokenRanker& ranker) {
  std::vector<std::string> parts;
  for (int64_t most = 1024; most < ranker.distinct(); most *= 4)
    parts.push_back(cat(most, parts.empty() ? " are " : " ", std::lround(1000 * ranker.coverage(most)) / 10.0, " %",
                        parts.empty() ? " of the corpus" : ""));
  return parts.empty() ? "" : "; the first " + join(parts);
}

}  // namespace

ExitCode train_token_ranks_command(const CorpusArgs& args) {
  check_train_output(args.output);
  TokenCorpus corpus("train token_ranks", args);
  TokenRanker ranker;
  corpus.read([&](std::span<const Token> ids, bool /*begins*/) { ranker.add(ids); });
  ranker.write(args.output, corpus.tokenizer().fingerprint());
  print_written(args.output, cat(corpus.text(), "; ", ranker.distinct(), " distinct tokens", coverage_text(ranker)));
  return ExitCode::kOk;
}

}  // namespace specula
