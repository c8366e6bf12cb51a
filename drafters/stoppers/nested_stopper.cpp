#include "drafters/stoppers/nested_stopper.h"

#include "drafters/nested.h"
#include "drafters/stoppers/register.h"

namespace specula {
namespace {

const Registry<Stopper>::Entry& entry_of(const Params& params) {
  const Value& name = *params.values.find("name");
  return all_stoppers().at(name.string(), cat(name.origin, ": ", params.place));
}

}  // namespace

Facts stopper_facts(const Call& call, const std::string& place, int length) {
  if (!call.is_given()) return {};
  const Params params{.place = place, .values = call.values};
  Facts facts = entry_of(params).facts(params, Policy::kSampled);
  if (facts.length > length) {
    throw ConfigError(cat(params.values.origin, ": ", place, ": ", call_text(params), " wants ", facts.length,
                          " tokens, but the drafter's length is ", length, "; set length = ", facts.length));
  }
  return facts;
}

std::unique_ptr<Stopper> make_stopper(const Call& call, const std::string& place, const Parts& parts) {
  const Params params{.place = place, .values = call.values};
  return entry_of(params).make(params, parts);
}

ChainStop chain_stop(const Call& call, const std::string& place, const Parts& parts, int length) {
  if (!call.is_given()) return {};
  return {make_stopper(call, place, parts), length};
}

Value resolve_stoppers(Value resolved, const std::vector<Option>& options, const std::string& place) {
  for (const Option& option : options) {
    Value* value = resolved.find(option.name);
    if (value == nullptr) continue;
    const std::string where = cat(place, " ", option.name);
    if (option.type == "stopper") *value = resolved_call(all_stoppers(), *value, where);
    if (option.type != "stoppers") continue;
    for (Value& call : value->array()) call = resolved_call(all_stoppers(), call, where);
  }
  return resolved;
}

}  // namespace specula
