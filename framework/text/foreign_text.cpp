#include "framework/text/foreign_text.h"

#include <algorithm>

#include "framework/core/error.h"

namespace specula {
namespace {

bool begins(const std::vector<Token>& ids, const std::vector<Token>& with) {
  return with.size() <= ids.size() && std::equal(with.begin(), with.end(), ids.begin());
}

bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

std::string lead_of(const Tokenizer& tokenizer) {
  const std::string bytes = bytes_of(tokenizer, tokenizer.encode("a", Tokenizer::Special::kWithout));
  return bytes.ends_with('a') ? bytes.substr(0, bytes.size() - 1) : "";
}

}  // namespace

std::vector<Token> encode_continuation(const Tokenizer& tokenizer, const std::string& text) {
  if (text.empty()) return {};
  // Something is put before the text that takes the space and does not merge with what follows.
  for (const char* before : {"\n", ".", "a", "1"}) {
    const std::vector<Token> alone = tokenizer.encode(before, Tokenizer::Special::kWithout);
    std::vector<Token> both = tokenizer.encode(before + text, Tokenizer::Special::kWithout);
    if (alone.empty() || !begins(both, alone)) continue;
    both.erase(both.begin(), both.begin() + static_cast<int64_t>(alone.size()));
    if (bytes_of(tokenizer, both) == text) return both;
  }
  return tokenizer.encode(text, Tokenizer::Special::kWithout);
}

std::string bytes_of(const Tokenizer& tokenizer, const std::vector<Token>& ids) {
  std::string bytes;
  for (const Token id : ids) {
    if (id < tokenizer.vocab()) bytes += tokenizer.piece_bytes(id);
  }
  return bytes;
}

size_t unfinished(const std::string& bytes) {
  for (size_t back = 1; back <= std::min<size_t>(bytes.size(), 3); ++back) {
    const auto byte = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if (continues_character(static_cast<char>(byte))) continue;
    const size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return back < length ? back : 0;
  }
  return 0;
}

std::vector<Token> end_of(const std::vector<Token>& ids, int64_t context, int64_t reserve) {
  const auto size = static_cast<int64_t>(ids.size());
  const int64_t most = std::max<int64_t>(context - reserve, 1), step = std::max<int64_t>(most / 2, 1);
  const int64_t begin = size <= most ? 0 : (size - most + step - 1) / step * step;
  return {ids.begin() + begin, ids.end()};
}

ForeignText::ForeignText(const Tokenizer& from, const Tokenizer& to, const VocabularyMap& map, int look_behind,
                         Shared shared)
    : from_(from),
      to_(to),
      map_(map),
      look_behind_(static_cast<size_t>(look_behind)),
      shared_(shared),
      lead_from_(lead_of(from)),
      lead_to_(lead_of(to)) {
  restart();
}

void ForeignText::restart() {
  text_.clear();
  ids_.clear();
  at_start_ = true;
  close();
  const std::vector<Token> opening = to_.encode("", Tokenizer::Special::kWith);
  if (!opening.empty() && opening.front() == to_.bos()) ids_.push_back(to_.bos());
}

// What was read so far stays as it is.
void ForeignText::close() {
  bytes_.clear();
  ends_.clear();
  pending_ = 0;
}

const std::vector<Token>& ForeignText::follow(const std::vector<Token>& text) {
  if (!begins(text, text_)) restart();
  const bool keeps = shared_ == Shared::kKeep && !text_.empty();
  for (size_t i = text_.size(); i < text.size(); ++i) {
    const std::string bytes = bytes_of(from_, {text[i]});
    const Token own = map_.draft_of(text[i]);
    const bool begins_text = at_start_ && bytes_.empty();
    if (bytes.empty() || (keeps && own >= 0 && !begins_text)) read_anew();
    if (bytes.empty()) {
      take_control(text[i]);
      continue;
    }
    bytes_ += begins_text && bytes.starts_with(lead_from_) ? bytes.substr(lead_from_.size()) : bytes;
    if (keeps && own >= 0 && !begins_text && pending_ == 0) {
      ids_.push_back(own);
      ends_.push_back(bytes_.size());
    } else {
      pending_ = bytes_.size() - (ends_.empty() ? 0 : ends_.back());
    }
  }
  read_anew();
  text_ = text;
  return ids_;
}

void ForeignText::take_control(Token token) {
  const Token own = map_.draft_of(token);
  const bool opened = token == from_.bos() && text_.empty() && ids_ == std::vector<Token>{to_.bos()};
  if (own >= 0 && !opened) ids_.push_back(own);
  at_start_ = at_start_ && bytes_.empty();
  close();
}

void ForeignText::read_anew() {
  if (pending_ == 0) return;
  size_t kept = ends_.size() - std::min(ends_.size(), look_behind_);
  const auto begin = [&] { return kept == 0 ? 0 : ends_[kept - 1]; };
  while (kept > 0 && continues_character(bytes_[begin()])) --kept;
  const std::string fresh = bytes_.substr(begin(), bytes_.size() - begin() - unfinished(bytes_));
  if (fresh.empty()) return;
  const bool starts_text = at_start_ && kept == 0;
  const std::vector<Token> own =
      starts_text ? to_.encode(fresh, Tokenizer::Special::kWithout) : encode_continuation(to_, fresh);

  ids_.resize(ids_.size() - (ends_.size() - kept));
  ids_.insert(ids_.end(), own.begin(), own.end());
  size_t end = begin();
  ends_.resize(kept);
  if (bytes_of(to_, own) != (starts_text ? lead_to_ + fresh : fresh)) {  // it was normalised, or the piece is unknown
    const std::string rest = bytes_.substr(end + fresh.size());
    close();
    at_start_ = false;
    bytes_ = rest;
  } else {
    size_t lead = starts_text ? lead_to_.size() : 0;
    for (const Token id : own) {
      const size_t size = bytes_of(to_, {id}).size(), of_lead = std::min(lead, size);
      lead -= of_lead;
      ends_.push_back(end += size - of_lead);
    }
  }
  pending_ = bytes_.size() - (ends_.empty() ? 0 : ends_.back());
}

}  // namespace specula
