#include "drafters/nested.h"

#include <algorithm>

#include "drafters/register.h"

namespace specula {
namespace {

Params params_of(const Call& call, const std::string& place) {
  if (!call.is_given()) throw ConfigError(cat(call.values.origin, ": ", place, " lacks a drafter"));
  return {.place = place, .values = call.values};
}

const Registry<Drafter>::Entry& entry_of(const Params& params) {
  const Value& name = *params.values.find("name");
  return all_drafters().at(name.string(), cat(name.origin, ": ", params.place));
}

template <class T>
void add_new(std::vector<T>& to, const std::vector<T>& more) {
  for (const T& one : more) {
    if (std::find(to.begin(), to.end(), one) == to.end()) to.push_back(one);
  }
}

}  // namespace

Facts nested_facts(const Call& call, const std::string& place, Policy policy) {
  const Params params = params_of(call, place);
  return entry_of(params).facts(params, policy);
}

std::unique_ptr<Drafter> make_nested(const Call& call, const std::string& place, const Parts& parts) {
  const Params params = params_of(call, place);
  return entry_of(params).make(params, parts);
}

std::string nested_name(const Call& call) {
  const Value* name = call.values.find("name");
  return name == nullptr ? "" : name->string();
}

void add_needs(Facts& facts, const Facts& of_inner) {
  add_new(facts.models, of_inner.models);
  add_new(facts.foreign_models, of_inner.foreign_models);
  add_new(facts.heads, of_inner.heads);
  add_new(facts.files, of_inner.files);
  facts.scope = std::max(facts.scope, of_inner.scope);
  if (of_inner.memory.empty()) return;
  facts.memory = facts.memory.empty() ? of_inner.memory : cat(facts.memory, "; ", of_inner.memory);
}

bool is_drawing(const Facts& facts) {
  return std::any_of(facts.laws.begin(), facts.laws.end(),
                     [](Draw law) { return law != Draw::kPoint && law != Draw::kProbe; });
}

Facts facts_of_any(const std::vector<Call>& calls, const std::string& place, Policy policy) {
  if (calls.empty()) throw ConfigError(cat(place, " is empty; it needs a drafter, as in [\"prompt_lookup\"]"));
  Facts any{.q_next = true};
  for (const Call& call : calls) {
    const Facts one = nested_facts(call, place, policy);
    for (const Draw law : one.laws) {
      if (std::find(any.laws.begin(), any.laws.end(), law) == any.laws.end()) any.laws.push_back(law);
    }
    any.trees |= one.trees;
    any.q_next &= one.q_next;
    add_needs(any, one);
  }
  std::sort(any.laws.begin(), any.laws.end());
  return any;
}

Registry<Drafter>::Entry with_nested(Registry<Drafter>::Entry entry) {
  entry.resolve = [resolve = entry.resolve, options = entry.options](const Params& params) {
    Value resolved = resolve(params);
    for (const Option& option : options) {
      Value* value = resolved.find(option.name);
      if (value == nullptr) continue;
      const std::string place = cat(params.place, " ", option.name);
      if (option.type == "drafter") *value = resolved_call(all_drafters(), *value, place);
      if (option.type != "drafters") continue;
      for (Value& call : value->array()) call = resolved_call(all_drafters(), call, place);
    }
    return resolved;
  };
  return entry;
}

NestedDrafters::NestedDrafters(const std::vector<Call>& calls, const std::string& place, const Parts& parts) {
  for (const Call& call : calls) drafters_.push_back(make_nested(call, place, parts));
}

Ask NestedDrafters::needs() const {
  Ask ask{.logits = Logits::kNone};
  for (const auto& drafter : drafters_) ask = unite(ask, drafter->needs());
  return ask;
}

void NestedDrafters::begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) {
  for (const auto& drafter : drafters_) drafter->begin(prefixes, requests, prefill);
}

void NestedDrafters::observe(const Feedback& feedback) {
  for (const auto& drafter : drafters_) drafter->observe(feedback);
}

void NestedDrafters::finish(int64_t request, const Prefix& text) {
  for (const auto& drafter : drafters_) drafter->finish(request, text);
}

std::vector<DraftTree> NestedDrafters::draft(size_t i, const Round& round, const std::vector<char>& wanted,
                                             int row_budget) {
  const Keyring keys = round.keys.nest(static_cast<uint32_t>(i));
  std::vector<char> done(wanted.size());
  std::transform(wanted.begin(), wanted.end(), done.begin(), [](char is_wanted) { return is_wanted != 0 ? 0 : 1; });
  Round own = round.with_keys(keys);
  own.done = done;
  own.row_budget = row_budget;
  return drafters_[i]->draft(own);
}

void NestedDrafters::drop_started(size_t i, const Round& round) const {
  if (drafters_[i]->started().layer == 0) return;
  for (size_t b = 0; b < round.prefixes.size(); ++b) round.target_cache.rollback(static_cast<int>(b));
}

}  // namespace specula
