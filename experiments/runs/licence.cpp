// The licence that lies beside a model or a prompt set.
#include <fstream>

#include "experiments/runs/checklist_facts.h"

namespace specula {
namespace {

std::string trimmed(const std::string& text) {
  const char* const kSpace = " \t\r\"'";
  const size_t from = text.find_first_not_of(kSpace);
  return from == std::string::npos ? "" : text.substr(from, text.find_last_not_of(kSpace) - from + 1);
}

// `license:` between the two lines of dashes at the head of a model card.
std::string card_licence(const std::filesystem::path& card) {
  std::ifstream in(card);
  std::string line;
  if (!std::getline(in, line) || trimmed(line) != "---") return "";
  while (std::getline(in, line) && trimmed(line) != "---") {
    if (line.starts_with("license:")) return trimmed(line.substr(8));
  }
  return "";
}

std::string first_words(const std::filesystem::path& file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!trimmed(line).empty()) return trimmed(line);
  }
  return "";
}

}  // namespace

Licence licence_of(const std::filesystem::path& folder) {
  if (const std::string text = card_licence(folder / "README.md"); !text.empty()) return {text, folder / "README.md"};
  for (const char* const name : {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING"}) {
    if (const std::string text = first_words(folder / name); !text.empty()) return {text, folder / name};
  }
  return {};
}

}  // namespace specula
