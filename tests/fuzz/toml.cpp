// A configuration as TOML, a value of --set, a call of a plug-in.  Licence: Apache-2.0.
#include "experiments/config/toml.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  const std::string text(reinterpret_cast<const char*>(data), size);
  fuzz::errors_may_pass([&] { to_text(parse_toml(text, "run.toml")); });
  fuzz::errors_may_pass([&] { parse_toml_value(text, "--set"); });
  fuzz::errors_may_pass([&] { parse_calls(text, "--drafter"); });
  return 0;
}
