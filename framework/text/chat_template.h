// Chats as prompts: the chat template that came with a model, rendered as transformers renders it, or one of the common
// formats by name (chat_formats.h).
// Templates are written in Jinja; this is the part of it that published ones use, for chats without tools.  Statements:
// for (with if, else, break, continue, several names), if, set (also of a namespace, and as a block), macro, filter,
// generation, raw, comments.  Expressions: all of Jinja's but *arguments.  Filters: abs capitalize default first float
// indent int items join last length list lower map reject rejectattr replace reverse safe select selectattr string
// title tojson trim upper.  Functions: dict namespace raise_exception range strftime_now.  Tests, methods and the
// fields of `loop` stand in chat/.  What is reached and not among these is an error that names it and the line: a clear
// error beats a wrong prompt.  One difference is known: an iterator (of map, select, items) can be read twice. Licence:
// Apache-2.0.
#pragma once

#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "framework/text/tokenizer.h"

namespace specula {

struct ChatMessage {
  std::string role, content;
};

enum class GenerationPrompt { kAdd, kOmit };

struct ChatSetting {
  GenerationPrompt generation_prompt = GenerationPrompt::kAdd;
  std::map<std::string, std::string> special_tokens;  // {"bos_token": "<s>"}; what is not in it is undefined
  std::time_t now = std::time(nullptr);               // what strftime_now tells, in local time
};

// The text that the template makes of the messages; `tools` and `documents` are none.  Throws Error for a construct
// outside the subset, with the line of the template, and with the template's own text where it raises one.
std::string apply_chat_template(const std::string& chat_template, const std::vector<ChatMessage>& messages,
                                const ChatSetting& setting);

// The same by the tokenizer's own template ("folder") or a format by name, as ids ready for a model.  The whole text is
// read as Special::kWritten, as transformers does, so control tokens that are spelled out in a message become ids too:
// messages are the researcher's own.  Throws Error if the tokenizer has no template, or lacks a token of the format.
std::vector<Token> encode_chat(const Tokenizer& tokenizer, const std::string& format,
                               const std::vector<ChatMessage>& messages);

}  // namespace specula
