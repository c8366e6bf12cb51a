#include "drafters/frequent_options.h"

#include "framework/lookup/token_ranks.h"

namespace specula {

void add_frequent(const FrequentOptions& options, const std::string& place, Facts& facts) {
  const std::string& path = options.token_ranks.path;
  if (path.empty() && options.frequent_tokens > 0)
    throw ConfigError(cat(place, " frequent_tokens = ", options.frequent_tokens,
                          " needs token_ranks, a file that `specula train token_ranks` makes"));
  if (path.empty()) return;
  const int64_t listed = ranked_tokens(path);
  if (options.frequent_tokens > listed)
    throw ConfigError(cat(place, " frequent_tokens = ", options.frequent_tokens, ": ", path, " lists ", listed));
  facts.files.push_back(path);
  facts.memory += cat(facts.memory.empty() ? "" : "; ", "the frequent tokens' rows of the head once more");
}

std::optional<FrequentTokens> frequent_of(const FrequentOptions& options, const LanguageModel& model,
                                          const Parts& parts) {
  const std::string& path = options.token_ranks.path;
  if (path.empty()) return std::nullopt;
  const int64_t most = options.frequent_tokens > 0 ? options.frequent_tokens : ranked_tokens(path);
  return std::optional<FrequentTokens>(std::in_place, model, read_token_ranks(path, most, parts));
}

}  // namespace specula
