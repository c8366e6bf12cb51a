// Chat templates: the part of Jinja that the templates of Llama 2/3, ChatML, Zephyr and their kin are written in.
// Statements: for (one variable over messages), if/elif/else, set.  Expressions: literals, + ~ == != < <= > >= % in,
// not/and/or, x[..], x.y, slices messages[a:], `is [not] defined|none|string`, | trim, .strip(),
// loop.first/last/index/index0, raise_exception. White space as transformers sets it: trim_blocks and lstrip_blocks.
// Anything else that is reached is an error that names it: a clear error beats a wrong prompt.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/text/tokenizer.h"

namespace specula {

struct ChatMessage {
  std::string role, content;
};

enum class GenerationPrompt { kAdd, kOmit };

// The text that the template makes of the messages.  Throws Error for a construct outside the subset, with the line of
// the template, and with the template's own text where it raises one.
std::string apply_chat_template(const std::string& chat_template, const std::vector<ChatMessage>& messages,
                                GenerationPrompt generation_prompt, const std::string& bos_token,
                                const std::string& eos_token);

// The same by the tokenizer's own template, as ids ready for a model.  Throws Error if the tokenizer has none.
std::vector<Token> encode_chat(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages);

}  // namespace specula
