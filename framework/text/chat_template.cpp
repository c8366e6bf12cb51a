#include "framework/text/chat_template.h"

#include "framework/core/error.h"
#include "framework/text/chat/evaluator.h"
#include "framework/text/chat_formats.h"

namespace specula {
namespace {

chat::Value text(const std::string& content) { return std::make_shared<const std::string>(content); }

chat::Value list_of(const std::vector<ChatMessage>& messages) {
  chat::List list{.height = 2};
  for (const ChatMessage& message : messages) {
    chat::Dict dict;
    dict.entries = {{"role", text(message.role)}, {"content", text(message.content)}};
    list.items.emplace_back(std::make_shared<const chat::Dict>(std::move(dict)));
  }
  return std::make_shared<const chat::List>(std::move(list));
}

std::string template_of(const Tokenizer& tokenizer, const std::string& format) {
  if (format == kFolderFormat) {
    const std::string own = tokenizer.chat_template();
    if (!own.empty()) return own;
    throw Error(cat("the tokenizer has no chat template (tokenizer_config.json, key chat_template); name one of ",
                    join(chat_format_names())));
  }
  const ChatFormat& chosen = chat_format(format);
  for (const std::string& token : chosen.tokens) {
    if (tokenizer.encode(token, Tokenizer::Special::kWritten).size() != 1)
      throw Error(cat("chat format ", format, " needs the token ", token, ", which the tokenizer does not have"));
  }
  return chosen.text;
}

}  // namespace

std::string apply_chat_template(const std::string& chat_template, const std::vector<ChatMessage>& messages,
                                const ChatSetting& setting) {
  chat::Variables variables;
  for (const auto& [name, token] : setting.special_tokens) variables[name] = text(token);
  variables["messages"] = list_of(messages);
  variables["tools"] = variables["documents"] = chat::None{};
  variables["add_generation_prompt"] = setting.generation_prompt == GenerationPrompt::kAdd;
  const chat::Block parsed = chat::parse_template(chat_template);
  return chat::Evaluator(std::move(variables), setting.now).run(parsed);
}

std::vector<Token> encode_chat(const Tokenizer& tokenizer, const std::string& format,
                               const std::vector<ChatMessage>& messages) {
  ChatSetting setting;
  if (tokenizer.bos() >= 0) setting.special_tokens["bos_token"] = tokenizer.piece(tokenizer.bos());
  if (tokenizer.eos() >= 0) setting.special_tokens["eos_token"] = tokenizer.piece(tokenizer.eos());
  const std::string written = apply_chat_template(template_of(tokenizer, format), messages, setting);
  return tokenizer.encode(written, Tokenizer::Special::kWritten);
}

}  // namespace specula
