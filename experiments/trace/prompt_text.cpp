#include "experiments/trace/prompt_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/text/prompts.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// "": the run keeps none.
std::string hash_of_input(const fs::path& run_folder, const std::string& prompt) {
  const fs::path file = run_folder / "inputs.jsonl";
  if (!fs::exists(file)) return "";
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line);
    if (json.at("prompt") == prompt) return json.at("text_sha256");
  }
  return "";
}

}  // namespace

PromptText prompt_text(const fs::path& run_folder, const RunInfo& run, const std::string& prompt, int turn) {
  PromptText found;
  try {
    const std::vector<Prompt> all = load_prompts(run.prompts_file);
    const auto is_it = [&](const Prompt& p) { return p.id == prompt; };
    const auto p = std::find_if(all.begin(), all.end(), is_it);
    const std::string expected = hash_of_input(run_folder, prompt);
    if (p == all.end() || (!expected.empty() && sha256(join(p->turns, "\n")) != expected)) {
      found.missing = cat(run.prompts_file, " is not the prompt set that the run read");
      return found;
    }
    found.turns = static_cast<int>(p->turns.size());
    if (turn < found.turns) found.text = p->turns[static_cast<size_t>(turn)];
  } catch (const std::exception& e) {
    found.missing = e.what();
  }
  return found;
}

}  // namespace specula
