// The template of a chat, which comes with a model and so from a stranger.  Licence: Apache-2.0.
#include "framework/text/chat_template.h"

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace specula;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::vector<ChatMessage> messages = {{"system", "Be brief."}, {"user", " Hi {{ x }} "}, {"assistant", "Yes."}};
  fuzz::errors_may_pass([&] { apply_chat_template(text, messages, {.special_tokens = {{"bos_token", "<s>"}}}); });
  return 0;
}
