#include "framework/text/prompts.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::json;

class Line {
 public:
  Line(const Json& json, std::string place) : json_(json), place_(std::move(place)) {}

  // A text, or an integer written as one; "" where the key is missing.
  std::string text(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) return "";
    if (found->is_string()) return found->get<std::string>();
    if (found->is_number_integer()) return found->dump();
    fail(cat("\"", key, "\" must be a string, got ", found->type_name()));
  }

  bool is_gsm8k() const { return !is_ours() && json_.contains("question") && json_.contains("answer"); }
  bool is_mbpp() const { return !is_ours() && json_.contains("text") && json_.contains("test_list"); }

  // The first of these keys that the line has names it.
  std::string id() const {
    for (const char* const key : {"question_id", "id", "task_id"}) {
      if (json_.contains(key)) return text(key);
    }
    return "";
  }

  std::vector<std::string> turns() const {
    if (is_gsm8k()) return {prompt_text(json_.at("question"), "question")};
    if (is_mbpp()) return {mbpp_question()};
    if (json_.contains("prompt") == json_.contains("turns"))
      fail("expected either \"prompt\" or \"turns\", or the keys of GSM8K's or MBPP's file");
    if (json_.contains("prompt")) return {prompt_text(json_.at("prompt"), "prompt")};
    const Json& list = json_.at("turns");
    if (!list.is_array() || list.empty()) fail("\"turns\" must be a list of at least one string");
    std::vector<std::string> turns;
    for (const Json& turn : list) turns.push_back(prompt_text(turn, "turns"));
    return turns;
  }

  // Of a prompt with so many turns.
  std::vector<std::vector<std::string>> references(size_t turns) const {
    if (is_gsm8k()) return {{prompt_text(json_.at("answer"), "answer")}};
    if (is_mbpp()) return {{text("test_setup_code") + "\n" + mbpp_tests()}};
    const auto found = json_.find("reference");
    if (found == json_.end() || found->is_null()) return {};
    if (!found->is_array() && turns != 1) fail("\"reference\" must be a list with an entry for each turn");
    if (!found->is_array()) return {answers(*found)};
    if (found->size() > turns)
      fail(cat("\"reference\" has ", found->size(), " entries, and the prompt has ", turns,
               turns == 1 ? " turn; several right answers are a list in the list" : " turns"));
    std::vector<std::vector<std::string>> all;
    for (const Json& of_turn : *found) all.push_back(answers(of_turn));
    return all;
  }

  [[noreturn]] void fail(const std::string& what) const { throw Error(place_ + ": " + what); }

 private:
  bool is_ours() const { return json_.contains("prompt") || json_.contains("turns"); }

  std::string answer(const Json& value) const {
    if (value.is_string()) return value.get<std::string>();
    if (!value.is_number()) fail(cat("\"reference\" must hold texts or numbers, got ", value.type_name()));
    return value.dump();
  }

  std::vector<std::string> answers(const Json& value) const {
    std::vector<std::string> all;
    if (value.is_array()) {
      for (const Json& one : value) all.push_back(answer(one));
    } else if (!value.is_null()) {
      all.push_back(answer(value));
    }
    std::erase(all, "");
    return all;
  }

  std::string mbpp_tests() const {
    const Json& list = json_.at("test_list");
    if (!list.is_array() || list.empty()) fail("\"test_list\" must be a list of at least one string");
    std::string tests;
    for (const Json& test : list) tests += prompt_text(test, "test_list") + "\n";
    return tests;
  }

  // Austin et al. 2021 (arXiv 2108.07732), section 3.1.
  std::string mbpp_question() const {
    return cat("You are an expert Python programmer, and here is your task: ", prompt_text(json_.at("text"), "text"),
               " Your code should pass these tests:\n\n", mbpp_tests(), "[BEGIN]\n");
  }

  std::string prompt_text(const Json& value, const char* key) const {
    if (!value.is_string()) fail(cat("\"", key, "\" must hold text, got ", value.type_name()));
    auto text = value.get<std::string>();
    if (text.empty()) fail(cat("\"", key, "\" holds an empty text"));
    return text;
  }

  const Json& json_;
  std::string place_;
};

Prompt parse_prompt(const std::string& text, const std::string& place, size_t number) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) throw Error(place + ": not valid JSON");
  if (!json.is_object()) throw Error(cat(place, ": expected a JSON object, got ", json.type_name()));
  const Line line(json, place);
  Prompt prompt{.id = line.id(),
                .category = line.text("category"),
                .group = line.text("group"),
                .turns = line.turns(),
                .scorer = line.text("scorer"),
                .line = number};
  prompt.references = line.references(prompt.turns.size());
  if (prompt.id.empty()) prompt.id = cat(number);
  if (prompt.category.empty()) prompt.category = "all";
  if (prompt.group.empty()) prompt.group = prompt.id;
  return prompt;
}

}  // namespace

std::vector<Prompt> load_prompts(const std::filesystem::path& file) {
  const std::string content = read_file(file);
  std::vector<Prompt> prompts;
  std::map<std::string, size_t> seen;  // id -> line
  size_t number = 0;
  for (size_t begin = 0; begin < content.size();) {
    const size_t end = std::min(content.find('\n', begin), content.size());
    const std::string line = content.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const std::string place = cat(file.string(), ":", number);
    Prompt prompt = parse_prompt(line, place, number);
    const auto [first, fresh] = seen.emplace(prompt.id, number);
    if (!fresh) throw Error(cat(place, ": id \"", prompt.id, "\" was already used in line ", first->second));
    prompts.push_back(std::move(prompt));
  }
  if (prompts.empty()) throw Error(file.string() + ": there are no prompts in this file");
  return prompts;
}

std::vector<Prompt> stratified(const std::vector<Prompt>& prompts, int64_t limit) {
  if (limit <= 0 || static_cast<size_t>(limit) >= prompts.size()) return prompts;
  std::vector<std::string> order;  // of first appearance
  std::map<std::string, std::vector<size_t>> by_category;
  for (size_t i = 0; i < prompts.size(); ++i) {
    auto& members = by_category[prompts[i].category];
    if (members.empty()) order.push_back(prompts[i].category);
    members.push_back(i);
  }
  std::set<size_t> taken;  // ascending: the result is in file order
  for (size_t turn = 0; taken.size() < static_cast<size_t>(limit); ++turn) {
    for (const std::string& category : order) {
      const auto& members = by_category[category];
      if (turn < members.size() && taken.size() < static_cast<size_t>(limit)) taken.insert(members[turn]);
    }
  }
  std::vector<Prompt> result;
  for (const size_t i : taken) result.push_back(prompts[i]);
  return result;
}

}  // namespace specula
