#include "framework/lookup/suffix_index.h"

#include <algorithm>

#include "framework/lookup/suffix_array.h"

namespace specula {
namespace {

constexpr uint32_t kSeparator = TokenDocuments::kSeparator;

}  // namespace

void TokenDocuments::add(std::span<const Token> ids, bool begins_document) {
  if (begins_document && !tokens.empty()) tokens.push_back(kSeparator);
  tokens.insert(tokens.end(), ids.begin(), ids.end());
  if (tokens.size() >= static_cast<size_t>(kMostCorpusTokens))
    throw Error(cat("the corpus has more than ", kMostCorpusTokens, " tokens; --max-tokens takes the first ones"));
}

void write_suffix_index(const std::filesystem::path& path, TokenDocuments documents, const std::string& tokenizer) {
  std::vector<uint32_t>& text = documents.tokens;
  if (text.empty()) throw Error(path.string() + ": there is no token to sort");
  text.push_back(kSeparator);
  uint32_t ids = 0;  // as integers for the sort the separator is 0, so that it wraps around to be the smallest
  for (uint32_t& value : text) ids = std::max(ids, ++value);
  const std::vector<int32_t> sorted =
      suffix_array({reinterpret_cast<const int32_t*>(text.data()), text.size()}, static_cast<int32_t>(ids) + 1);
  for (uint32_t& value : text) --value;
  const auto separators = static_cast<size_t>(std::count(text.begin(), text.end(), kSeparator));  // they sort first
  std::vector<uint32_t> first(static_cast<size_t>(ids) + 1, 0);
  for (const uint32_t value : text) {
    if (value != kSeparator) ++first[value + 1];
  }
  for (size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
  const std::span<const uint32_t> suffixes(reinterpret_cast<const uint32_t*>(sorted.data()) + separators,
                                           sorted.size() - separators);
  const CorpusHead head{.kind = kRetrievalKind,
                        .tokenizer = tokenizer,
                        .ids = static_cast<int64_t>(ids),
                        .tokens = static_cast<int64_t>(suffixes.size())};
  const std::span<const uint32_t> sections[] = {text, suffixes, first};
  write_corpus_file(path, head, sections);
}

SuffixIndex::SuffixIndex(const std::filesystem::path& path, const Parts& parts) : file_(path, kRetrievalKind) {
  file_.check_target(parts);
  if (file_.num_sections() != 3) file_.fail(cat("has ", file_.num_sections(), " sections, expected 3"));
  text_ = file_.section(0);
  suffixes_ = file_.section(1);
  first_ = file_.section(2);
  check();
}

// That whatever the numbers say, no read leaves the file.
void SuffixIndex::check() const {
  const auto ids = static_cast<uint32_t>(file_.head().ids);
  const size_t size = text_.size();
  if (first_.size() != size_t{ids} + 1 || first_.front() != 0 || first_.back() != suffixes_.size() ||
      !std::is_sorted(first_.begin(), first_.end()))
    file_.fail("is damaged: its table of first tokens does not fit");
  if (suffixes_.size() != static_cast<size_t>(file_.head().tokens) || suffixes_.size() >= size ||
      text_.back() != kSeparator)
    file_.fail("is damaged: its sections do not fit each other");
  if (std::any_of(text_.begin(), text_.end(), [&](uint32_t value) { return value >= ids && value != kSeparator; }))
    file_.fail(cat("holds a token id that is not below ", ids));
  if (std::any_of(suffixes_.begin(), suffixes_.end(), [&](uint32_t at) { return at >= size; }))
    file_.fail(cat("holds a position that is not below ", size));
}

// Whether the suffix is smaller than the tokens or, with `or_equal`, begins with them.
bool SuffixIndex::is_below(size_t rank, std::span<const Token> tokens, bool or_equal) const {
  const size_t at = suffixes_[rank], end = std::min(tokens.size(), text_.size() - at);
  for (size_t i = 1; i < end; ++i) {  // the first token is known to be equal
    const uint32_t here = text_[at + i] + 1, wanted = static_cast<uint32_t>(tokens[i]) + 1;
    if (here != wanted) return here < wanted;
  }
  return end < tokens.size() || or_equal;
}

size_t SuffixIndex::boundary(Range within, std::span<const Token> tokens, bool behind_equal) const {
  while (within.low < within.high) {
    const size_t middle = within.low + within.count() / 2;
    if (is_below(middle, tokens, behind_equal)) {
      within.low = middle + 1;
    } else {
      within.high = middle;
    }
  }
  return within.low;
}

SuffixIndex::Range SuffixIndex::find(std::span<const Token> tokens) const {
  const Token first = tokens.front();
  if (first < 0 || first >= file_.head().ids) return {};
  const Range bucket{first_[static_cast<size_t>(first)], first_[static_cast<size_t>(first) + 1]};
  if (tokens.size() == 1) return bucket;
  const size_t low = boundary(bucket, tokens, false);
  return {low, boundary({low, bucket.high}, tokens, true)};
}

// If a suffix of the text occurs, so do all shorter ones: the longest is found by bisection.
SuffixIndex::Match SuffixIndex::longest(std::span<const Token> text, int most) const {
  Match best;
  int too_long = static_cast<int>(std::min<size_t>(text.size(), static_cast<size_t>(most))) + 1;
  while (best.length + 1 < too_long) {
    const int length = best.length + (too_long - best.length) / 2;
    const Range range = find(text.last(static_cast<size_t>(length)));
    if (range.count() > 0) {
      best = {length, range};
    } else {
      too_long = length;
    }
  }
  return best;
}

std::span<const uint32_t> SuffixIndex::following(size_t rank, size_t skip, size_t most) const {
  const size_t from = std::min(suffixes_[rank] + skip, text_.size());
  const auto begin = text_.begin() + static_cast<std::ptrdiff_t>(from);
  const auto end = begin + static_cast<std::ptrdiff_t>(std::min(most, text_.size() - from));
  return {begin, std::find(begin, end, kSeparator)};
}

}  // namespace specula
