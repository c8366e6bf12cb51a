// Renders chat templates for tests/parity/chat_live.py.  Standard input holds netstrings ("5:hello,"): of each request
// the template, "1" or "0" for the generation prompt, the BOS and the EOS token, the number of messages, and a role and
// a content for each.  Of each answer, standard output gets two: "ok" and the text, or "error" and what was wrong.
// Licence: Apache-2.0.
#include <iostream>

#include "framework/core/error.h"
#include "framework/text/chat_formats.h"
#include "framework/text/chat_template.h"

namespace specula {
namespace {

bool read(std::string& field) {
  size_t size = 0;
  char mark = 0;
  if (!(std::cin >> size >> mark)) return false;
  field.resize(size);
  std::cin.read(field.data(), static_cast<std::streamsize>(size)).get(mark);
  return true;
}

std::string needed() {
  std::string field;
  if (!read(field)) throw Error("chat_render: the request ends early");
  return field;
}

void write(const std::string& field) { std::cout << field.size() << ':' << field << ','; }

void answer(std::string source) {
  ChatSetting setting;
  if (needed() == "0") setting.generation_prompt = GenerationPrompt::kOmit;
  setting.special_tokens["bos_token"] = needed();
  setting.special_tokens["eos_token"] = needed();
  std::vector<ChatMessage> messages(std::stoul(needed()));
  for (ChatMessage& message : messages) {
    message.role = needed();
    message.content = needed();
  }
  try {
    if (source.starts_with("format:")) source = chat_format(source.substr(7)).text;
    const std::string text = apply_chat_template(source, messages, setting);
    write("ok");
    write(text);
  } catch (const Error& error) {
    write("error");
    write(error.what());
  }
}

}  // namespace
}  // namespace specula

int main() {
  std::string source;
  while (specula::read(source)) specula::answer(source);
}
