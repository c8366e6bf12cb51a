// Prompt sets, one JSON object a line.  Layouts are told apart by their keys: plain {"prompt": "...", "id"?,
// "category"?, "group"?}, Spec-Bench's question.jsonl {"question_id", "category", "turns": ["...", ...]}, GSM8K's
// {"question", "answer"} and MBPP's {"task_id", "text", "test_list", "test_setup_code"?}, asked as in Austin et al.
// 2021. "reference", for scorers, is the right answer of a single turn (a text or a number) or a list with an entry for
// each turn: an answer, a list of answers of which any is right, or "" or null where none is known.  GSM8K's answer and
// MBPP's tests are references.  "scorer" names what judges the answers.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace specula {

struct Prompt {
  std::string id, category, group;  // group: what is resampled together (a conversation); the id where nothing is said
  std::vector<std::string> turns;   // at least one
  std::string before{};             // text that may stand in front of the first turn, to make it longer
  std::vector<std::vector<std::string>> references{};  // of each turn, answers of which any is right; may be shorter
  std::string scorer{};                                // as the file names it; empty: it names none
  size_t line = 0;                                     // of the file
};

// Throws Error with file:line for a line that is not an object, lacks its keys, has an empty text or a reference of
// another form, or repeats an id, and for a file without prompts.
std::vector<Prompt> load_prompts(const std::filesystem::path& file);

// The first `limit` prompts stratified by category, in file order: categories take turns.  limit <= 0: all.
std::vector<Prompt> stratified(const std::vector<Prompt>& prompts, int64_t limit);

}  // namespace specula
