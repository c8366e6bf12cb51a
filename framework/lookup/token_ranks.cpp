#include "framework/lookup/token_ranks.h"

#include <algorithm>
#include <numeric>

#include "framework/lookup/corpus_file.h"

namespace specula {
namespace {

const std::string kKind = "token_ranks";

}  // namespace

void TokenRanker::add(std::span<const Token> tokens) {
  for (const Token token : tokens) {
    SPECULA_CHECK(token >= 0, "token ", token);
    if (static_cast<size_t>(token) >= counts_.size()) counts_.resize(static_cast<size_t>(token) + 1, 0);
    ++counts_[static_cast<size_t>(token)];
  }
  tokens_ += static_cast<int64_t>(tokens.size());
}

int64_t TokenRanker::distinct() const {
  return std::count_if(counts_.begin(), counts_.end(), [](int64_t count) { return count > 0; });
}

std::vector<Token> TokenRanker::ranked() const {
  std::vector<Token> order;
  for (size_t id = 0; id < counts_.size(); ++id) {
    if (counts_[id] > 0) order.push_back(static_cast<Token>(id));
  }
  std::stable_sort(order.begin(), order.end(), [&](Token a, Token b) { return counts_[a] > counts_[b]; });
  return order;
}

double TokenRanker::coverage(int64_t most) const {
  const std::vector<Token> order = ranked();
  const auto end = order.begin() + std::min(most, static_cast<int64_t>(order.size()));
  const int64_t covered =
      std::accumulate(order.begin(), end, int64_t{0}, [&](int64_t sum, Token token) { return sum + counts_[token]; });
  return tokens_ > 0 ? static_cast<double>(covered) / static_cast<double>(tokens_) : 0;
}

void TokenRanker::write(const std::filesystem::path& path, const std::string& tokenizer) const {
  const std::vector<Token> order = ranked();
  const std::vector<uint32_t> ids(order.begin(), order.end());
  const std::span<const uint32_t> sections[] = {ids};
  write_corpus_file(path,
                    {.kind = kKind,
                     .tokenizer = tokenizer,
                     .ids = static_cast<int64_t>(counts_.size()),
                     .tokens = std::min(tokens_, kMostCorpusTokens),
                     .order = static_cast<int64_t>(ids.size())},
                    sections);
}

int64_t ranked_tokens(const std::filesystem::path& path) { return read_corpus_head(path, kKind).order; }

std::vector<Token> read_token_ranks(const std::filesystem::path& path, int64_t most, const Parts& parts) {
  const CorpusFile file(path, kKind);
  file.check_target(parts);
  if (file.num_sections() != 1 || static_cast<int64_t>(file.section(0).size()) != file.head().order)
    file.fail("its sections are not what its head speaks of");
  const std::span<const uint32_t> ids = file.section(0);
  if (most > static_cast<int64_t>(ids.size())) file.fail(cat("lists ", ids.size(), " tokens, not ", most));
  std::vector<char> is_listed(static_cast<size_t>(file.head().ids), 0);
  for (const uint32_t id : ids) {
    if (id >= is_listed.size())
      file.fail(cat("lists the token ", id, ", and its head speaks of ids below ", file.head().ids));
    if (is_listed[id]++ != 0) file.fail(cat("lists the token ", id, " twice"));
  }
  return {ids.begin(), ids.begin() + most};
}

}  // namespace specula
