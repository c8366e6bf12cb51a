#include "framework/lookup/ngram_counts.h"

#include <algorithm>
#include <limits>

namespace specula {
namespace {

constexpr uint32_t kMost = std::numeric_limits<uint32_t>::max();
constexpr size_t kBuffer = size_t{1} << 22;  // n-grams: 84 MB

}  // namespace

NgramCounter::NgramCounter(int order) : order_(order) { SPECULA_CHECK(order >= 1 && order <= kLongestNgram, order); }

void NgramCounter::add(std::span<const Token> ids, bool begins_document) {
  if (begins_document) recent_.clear();
  const auto order = static_cast<size_t>(order_);
  for (const Token id : ids) {
    largest_ = std::max(largest_, id);
    if (recent_.size() == order) {
      Gram gram{};
      std::copy(recent_.begin(), recent_.end(), gram.begin());
      gram[order] = id;
      buffer_.push_back(gram);
      if (buffer_.size() >= kBuffer) merge();
      recent_.erase(recent_.begin());
    }
    recent_.push_back(id);
  }
  tokens_ += static_cast<int64_t>(ids.size());
}

void NgramCounter::merge() {
  std::sort(buffer_.begin(), buffer_.end());
  std::vector<Counted> merged;
  merged.reserve(counted_.size() + buffer_.size() / 2);
  const auto add = [&](const Gram& gram, uint32_t count) {
    if (merged.empty() || merged.back().gram != gram) return merged.push_back({gram, count});
    merged.back().count += std::min(count, kMost - merged.back().count);
  };
  auto old = counted_.begin();
  for (const Gram& gram : buffer_) {
    for (; old != counted_.end() && old->gram <= gram; ++old) add(old->gram, old->count);
    add(gram, 1);
  }
  for (; old != counted_.end(); ++old) add(old->gram, old->count);
  counted_ = std::move(merged);
  buffer_.clear();
}

int64_t NgramCounter::distinct() {
  merge();
  return static_cast<int64_t>(counted_.size());
}

void NgramCounter::write(const std::filesystem::path& path, const std::string& tokenizer, int64_t min_count) {
  merge();
  const auto order = static_cast<size_t>(order_);
  std::vector<uint32_t> keys, starts, totals, best, tokens, counts;
  for (const auto& [gram, count] : counted_) {
    if (count < min_count) continue;
    const auto place = static_cast<uint32_t>(tokens.size());
    if (keys.empty() || !std::equal(gram.begin(), gram.begin() + order_, keys.end() - order_)) {
      keys.insert(keys.end(), gram.begin(), gram.begin() + order_);
      starts.push_back(place);
      totals.push_back(0);
      best.push_back(place);
    }
    tokens.push_back(static_cast<uint32_t>(gram[order]));
    counts.push_back(count);
    totals.back() += std::min(count, kMost - totals.back());
    if (count > counts[best.back()]) best.back() = place;
  }
  if (tokens.empty()) {
    throw Error(cat(path.string(), ": no ", order_, " tokens and one behind them were seen ",
                    min_count > 1 ? cat(min_count, " times in ") : "in ", tokens_, " tokens; nothing was written"));
  }
  if (tokens.size() > static_cast<size_t>(kMostCorpusTokens))
    throw Error(cat("the corpus has more than ", kMostCorpusTokens, " distinct n-grams; --min-count leaves some out"));
  starts.push_back(static_cast<uint32_t>(tokens.size()));
  const CorpusHead head{
      .kind = kNgramKind, .tokenizer = tokenizer, .ids = int64_t{largest_} + 1, .tokens = tokens_, .order = order_};
  const std::span<const uint32_t> sections[] = {keys, starts, totals, best, tokens, counts};
  write_corpus_file(path, head, sections);
}

NgramCounts::NgramCounts(const std::filesystem::path& path, const Parts& parts) : file_(path, kNgramKind) {
  file_.check_target(parts);
  if (file_.num_sections() != 6) file_.fail(cat("has ", file_.num_sections(), " sections, expected 6"));
  keys_ = file_.section(0);
  starts_ = file_.section(1);
  totals_ = file_.section(2);
  best_ = file_.section(3);
  tokens_ = file_.section(4);
  counts_ = file_.section(5);
  check();
}

// That whatever the numbers say, no read leaves the file.
void NgramCounts::check() const {
  if (order() < 1 || order() > kLongestNgram)
    file_.fail(cat("counts behind ", file_.head().order, " tokens, expected 1 to ", kLongestNgram));
  if (starts_.empty() || keys_.size() != (starts_.size() - 1) * static_cast<size_t>(order()) || starts_.front() != 0 ||
      starts_.back() != tokens_.size() || tokens_.size() != counts_.size() || totals_.size() != starts_.size() - 1 ||
      best_.size() != totals_.size() || !std::is_sorted(starts_.begin(), starts_.end()))
    file_.fail("is damaged: its sections do not fit each other");
  if (std::any_of(best_.begin(), best_.end(), [&](uint32_t place) { return place >= tokens_.size(); }))
    file_.fail(cat("holds a place that is not below ", tokens_.size()));
  const auto ids = static_cast<uint32_t>(file_.head().ids);
  for (const auto& section : {keys_, tokens_}) {
    if (std::any_of(section.begin(), section.end(), [&](uint32_t value) { return value >= ids; }))
      file_.fail(cat("holds a token id that is not below ", ids));
  }
}

uint32_t NgramCounts::Continuations::count_of(Token token) const {
  const auto wanted = static_cast<uint32_t>(token);
  const auto found = std::lower_bound(tokens.begin(), tokens.end(), wanted);
  return found == tokens.end() || *found != wanted ? 0 : counts[static_cast<size_t>(found - tokens.begin())];
}

NgramCounts::Continuations NgramCounts::behind(std::span<const Token> ngram) const {
  SPECULA_CHECK(ngram.size() == static_cast<size_t>(order()), ngram.size(), " tokens, order ", order());
  const auto compare = [&](std::span<const uint32_t> other) {  // < 0: `other` is smaller
    for (size_t i = 0; i < ngram.size(); ++i) {
      const auto wanted = static_cast<uint32_t>(ngram[i]);
      if (other[i] != wanted) return other[i] < wanted ? -1 : 1;
    }
    return 0;
  };
  size_t low = 0, high = starts_.size() - 1;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const int order = compare(key(middle));
    if (order == 0) {
      const size_t from = starts_[middle], count = starts_[middle + 1] - from;
      return {tokens_.subspan(from, count), counts_.subspan(from, count), totals_[middle],
              static_cast<Token>(tokens_[best_[middle]])};
    }
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return {};
}

}  // namespace specula
