#include "samplers/token_choice.h"

#include <cmath>

#include "framework/text/tokenizer.h"

namespace specula {

void TokenChoice::check(const std::string& place) const {
  for (const double id : tokens) {
    if (id != std::floor(id)) throw ConfigError(cat(place, ": token ", id, " is not an id; expected an integer"));
  }
}

std::vector<std::vector<Token>> TokenChoice::chosen(const std::string& place, const Parts& parts) const {
  std::vector<std::vector<Token>> all;
  for (const double id : tokens) {
    all.push_back({static_cast<Token>(id)});
    if (parts.vocab > 0 && all.back()[0] >= parts.vocab)
      throw ConfigError(cat(place, ": token ", all.back()[0], " is out of range 0..", parts.vocab - 1));
  }
  if (texts.empty()) return all;
  if (!parts.tokenizer) throw ConfigError(cat(place, ": texts need the target's tokenizer; give the ids in tokens"));
  const Tokenizer& tokenizer = parts.tokenizer("");
  for (const std::string& text : texts) {
    std::vector<Token>& same = all.emplace_back();
    for (Token id = 0; id < tokenizer.vocab(); ++id) {
      if (!text.empty() && tokenizer.piece_bytes(id) == text) same.push_back(id);
    }
    if (same.empty()) throw ConfigError(cat(place, ": no token is ", quoted(text), "; give the ids in tokens"));
  }
  return all;
}

}  // namespace specula
