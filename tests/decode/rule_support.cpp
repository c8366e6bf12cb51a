#include "tests/decode/rule_support.h"

#include "verifiers/register.h"

namespace specula::testing {

std::unique_ptr<Verifier> rule_named(const std::string& call) {
  static const Registry<Verifier> rules = [] {
    Registry<Verifier> all{.kind = "verifier"};
    register_verifiers(all);
    return all;
  }();
  Value values = parse_call(call, "test");
  const std::string name = values.find("name")->string();
  return rules.at(name, "test").make({.place = "test", .values = std::move(values)}, {});
}

}  // namespace specula::testing
