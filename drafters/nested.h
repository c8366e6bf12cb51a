// Drafters inside drafters: what those that compose others share.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "framework/decode/registry.h"

namespace specula {

// Throw ConfigError naming the place of the call for an unknown drafter or a wrong option.
Facts nested_facts(const Call& call, const std::string& place, Policy policy);
std::unique_ptr<Drafter> make_nested(const Call& call, const std::string& place, const Parts& parts);
std::string nested_name(const Call& call);

// What a drafter needs and is because of one inside it: models, files, scope (the longest), memory.  Laws, trees and
// q_next are left to the outer drafter.
void add_needs(Facts& facts, const Facts& of_inner);

// Of several drafters of which each may draft a tree: whatever one of them is or needs, q_next where all give it.
// Throws ConfigError where there is none.
Facts facts_of_any(const std::vector<Call>& calls, const std::string& place, Policy policy);
bool is_drawing(const Facts& facts);  // it may draw tokens from a q that it declares

// The entry with the options of the drafters inside it resolved too, so that a run's files name every value.
Registry<Drafter>::Entry with_nested(Registry<Drafter>::Entry entry);

// Several drafters side by side.  All of them hear of every round; each drafts when it is asked, on keys of its own.
class NestedDrafters {
 public:
  NestedDrafters(const std::vector<Call>& calls, const std::string& place, const Parts& parts);
  size_t size() const { return drafters_.size(); }

  Ask needs() const;
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill);
  void observe(const Feedback& feedback);
  std::vector<std::pair<std::string, double>> notes(size_t i, size_t b) const { return drafters_[i]->notes(b); }
  void finish(int64_t request, const Prefix& text);

  // The trees of drafter i where `wanted`, elsewhere of size 0; `row_budget` is its own.
  std::vector<DraftTree> draft(size_t i, const Round& round, const std::vector<char>& wanted, int row_budget);
  // What drafter i left in the target's cache: to be handed on where its trees are the round's, or else dropped before
  // the next one drafts.
  Started started(size_t i) const { return drafters_[i]->started(); }
  void drop_started(size_t i, const Round& round) const;

 private:
  std::vector<std::unique_ptr<Drafter>> drafters_;
};

// The call of a registered plug-in with every option and its value.  Throws ConfigError naming the place.
template <class T>
Value resolved_call(const Registry<T>& registry, const Value& call, const std::string& place) {
  const Params params{.place = place, .values = call};
  const Value& name = *call.find("name");
  Value resolved{.data = Value::Table{}, .origin = call.origin};
  resolved.set("name", name);
  const Value options = registry.at(name.string(), cat(name.origin, ": ", place)).resolve(params);
  for (const Entry& option : options.table()) resolved.set(option.key, option.value);
  return resolved;
}

}  // namespace specula
