#include "experiments/run/padding.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

constexpr char kBetween[] = "\n\n";
constexpr size_t kMostBytesPerToken = 16;  // on average; no text needs more of it

// The last `bytes` of a text, from the beginning of a word.
std::string end_of(const std::string& text, size_t bytes) {
  if (text.size() <= bytes) return text;
  const size_t at = text.find_first_of(" \n", text.size() - bytes);
  return at == std::string::npos ? "" : text.substr(at);
}

// The text turned until the place `i` of `n` is its beginning.
std::string turned(const std::string& text, size_t i, size_t n) {
  const size_t at = text.find_first_of(" \n", text.size() / n * i);
  return i == 0 || at == std::string::npos ? text : text.substr(at) + kBetween + text.substr(0, at);
}

std::string others(const std::vector<Prompt>& all, const Prompt& prompt) {
  std::vector<std::string> texts;
  const auto own = std::find_if(all.begin(), all.end(), [&](const Prompt& p) { return p.id == prompt.id; });
  for (auto p = own == all.end() ? own : own + 1; p != all.end(); ++p) texts.push_back(join(p->turns, kBetween));
  for (auto p = all.begin(); p != own; ++p) texts.push_back(join(p->turns, kBetween));
  return join(texts, kBetween);
}

}  // namespace

void add_padding(const DataConfig& data, const std::vector<Prompt>& all, std::vector<Prompt>& prompts) {
  const std::string text = data.pad_file.empty() ? "" : read_file(data.pad_file);
  for (size_t i = 0; i < prompts.size(); ++i) {
    const std::string before = data.pad_file.empty() ? others(all, prompts[i]) : turned(text, i, prompts.size());
    prompts[i].before = end_of(before, static_cast<size_t>(data.pad_to_tok) * kMostBytesPerToken);
  }
}

Prefix padded_turn(const Tokenizer& tokenizer, const Prompt& prompt, int64_t pad_to_tok) {
  Prefix ids = tokenizer.encode(prompt.turns.front(), Tokenizer::Special::kWith);
  if (static_cast<int64_t>(ids.size()) >= pad_to_tok) return ids;
  const Prefix special = tokenizer.encode("", Tokenizer::Special::kWith);
  ids = tokenizer.encode(prompt.before + kBetween + prompt.turns.front(), Tokenizer::Special::kWith);
  const int64_t surplus = static_cast<int64_t>(ids.size()) - pad_to_tok;
  if (surplus < 0) {
    throw ConfigError(cat("[data] pad_to_tok = ", pad_to_tok, ": the text in front of prompt ", prompt.id, " makes it ",
                          ids.size(), " tokens long at most; give a longer one as pad_text"));
  }
  const auto kept = std::mismatch(special.begin(), special.end(), ids.begin(), ids.end()).second - ids.begin();
  ids.erase(ids.begin() + kept, ids.begin() + kept + surplus);
  return ids;
}

}  // namespace specula
