#include "framework/text/tokenizers/pattern.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/text/tokenizers/unicode.h"

namespace specula {
namespace {

class Literal final : public Pattern {
 public:
  explicit Literal(std::string text) : text_(std::move(text)) {}
  std::optional<Match> next(std::string_view text, size_t from, size_t /*last_end*/) const override {
    const size_t at = text_.empty() ? std::string_view::npos : text.find(text_, from);
    if (at == std::string_view::npos) return std::nullopt;
    return Match{at, at + text_.size()};
  }

 private:
  std::string text_;
};

class Expression final : public Pattern {
 public:
  explicit Expression(Regex regex) : regex_(std::move(regex)) {}
  std::optional<Match> next(std::string_view text, size_t from, size_t last_end) const override {
    while (from <= text.size()) {
      const auto match = regex_.find(text, from);
      if (!match || match->end > match->begin || match->end != last_end) return match;
      from += from < text.size() ? character_at(text, from).length : 1;
    }
    return std::nullopt;
  }

 private:
  Regex regex_;
};

class Characters final : public Pattern {
 public:
  explicit Characters(std::function<bool(char32_t)> match) : match_(std::move(match)) {}
  std::optional<Match> next(std::string_view text, size_t from, size_t /*last_end*/) const override {
    for (size_t at = from; at < text.size();) {
      const Character c = character_at(text, at);
      if (match_(c.code)) return Match{at, at + c.length};
      at += c.length;
    }
    return std::nullopt;
  }

 private:
  std::function<bool(char32_t)> match_;
};

}  // namespace

std::unique_ptr<Pattern> literal(std::string text) { return std::make_unique<Literal>(std::move(text)); }
std::unique_ptr<Pattern> regex(const std::string& pattern, std::string place) {
  return std::make_unique<Expression>(Regex(pattern, std::move(place)));
}
std::unique_ptr<Pattern> characters(std::function<bool(char32_t)> match) {
  return std::make_unique<Characters>(std::move(match));
}

std::unique_ptr<Pattern> read_pattern(const Section& section, const char* key) {
  if (section.is_text(key)) return literal(section.text(key));
  const Section pattern = section.object(key);
  if (pattern.has("String")) return literal(pattern.text("String"));
  if (pattern.has("Regex")) return regex(pattern.text("Regex"), pattern.place());
  pattern.fail("expected {\"String\": ...} or {\"Regex\": ...}");
}

Behavior read_behavior(const Section& section, const char* key, const std::string& fallback) {
  static const std::vector<std::pair<std::string, Behavior>> kBehaviors = {
      {"Removed", Behavior::kRemoved},
      {"Isolated", Behavior::kIsolated},
      {"MergedWithPrevious", Behavior::kMergedWithPrevious},
      {"MergedWithNext", Behavior::kMergedWithNext},
      {"Contiguous", Behavior::kContiguous}};
  const std::string given = section.text(key, fallback);
  std::vector<std::string> valid;
  for (const auto& [name, behavior] : kBehaviors) {
    if (name == given) return behavior;
    valid.push_back(name);
  }
  section.fail(cat(key, " = '", given, "' is unknown; valid: ", join(valid)));
}

void split(std::string_view text, const Pattern& pattern, Behavior behavior, bool invert, std::vector<Match>& pieces) {
  const size_t first = pieces.size();
  bool previous = false;  // whether the last part was a match
  for_each_part(pattern, text, [&](std::string_view part, bool is_match) {
    const bool matches = is_match != invert;
    const auto begin = static_cast<size_t>(part.data() - text.data());
    const Match piece{begin, begin + part.size()};
    const bool has_last = pieces.size() > first;
    switch (behavior) {
      case Behavior::kRemoved:
        if (!matches) pieces.push_back(piece);
        break;
      case Behavior::kIsolated:
        pieces.push_back(piece);
        break;
      case Behavior::kContiguous:
        if (has_last && matches == previous) {
          pieces.back().end = piece.end;
        } else {
          pieces.push_back(piece);
        }
        break;
      case Behavior::kMergedWithPrevious:
        if (has_last && matches && !previous) {
          pieces.back().end = piece.end;
        } else {
          pieces.push_back(piece);
        }
        break;
      case Behavior::kMergedWithNext:
        // A match takes in what follows unless that is a match too.
        if (has_last && previous && !matches) {
          pieces.back().end = piece.end;
        } else {
          pieces.push_back(piece);
        }
        break;
    }
    previous = matches;
  });
}

}  // namespace specula
