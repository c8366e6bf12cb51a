// Prompt sets.  Two layouts, told apart by their keys, one JSON object a line: plain {"prompt": "...", "id"?,
// "category"?, "group"?} and Spec-Bench's question.jsonl {"question_id", "category", "turns": ["...", ...]}.  Licence:
// Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace specula {

struct Prompt {
  std::string id, category, group;  // group: what is resampled together (a conversation); the id where nothing is said
  std::vector<std::string> turns;   // at least one
  std::string before{};             // text that may stand in front of the first turn, to make it longer
};

// Throws Error with file:line for a line that is not an object, lacks its keys, has an empty text or repeats an id, and
// for a file without prompts.
std::vector<Prompt> load_prompts(const std::filesystem::path& file);

// The first `limit` prompts stratified by category, in file order: categories take turns.  limit <= 0: all.
std::vector<Prompt> stratified(const std::vector<Prompt>& prompts, int64_t limit);

}  // namespace specula
