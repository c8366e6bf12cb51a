#include "experiments/run/drafting.h"

#include <algorithm>

namespace specula {
namespace {

constexpr const char* kLookups[] = {"none",        "prompt_lookup",   "ngram_map",   "ngram_hash",
                                    "ngram_cache", "ngram_trie",      "suffix_tree", "suffix_automaton",
                                    "retrieval",   "token_recycling", "echo"};

// A text or a call that was not given, or is this one.
bool is_default(const Value& options, const char* key, const char* text) {
  const Value* value = options.find(key);
  if (value != nullptr && value->is_table()) value = value->find("name");
  return value == nullptr || (value->is_string() && value->string() == text);
}

}  // namespace

std::string drafting_of(const ArmConfig& arm) {
  if (arm.strategy) return "";
  const Value& options = arm.drafter.values;
  const std::string name = plugin_name(arm.drafter);
  if (name == "draft_model")
    return is_default(options, "tree", "chain") && is_default(options, "stop", "") &&
                   is_default(options, "token_ranks", "")
               ? "chain"
               : "";
  const bool is_lookup = std::find(std::begin(kLookups), std::end(kLookups), name) != std::end(kLookups);
  return is_lookup && is_default(options, "fallback", "") ? "lookup" : "";
}

}  // namespace specula
