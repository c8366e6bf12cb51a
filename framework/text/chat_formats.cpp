#include "framework/text/chat_formats.h"

#include "framework/core/error.h"

namespace specula {
namespace {

// A message of another role than these is refused.
#define SPECULA_ROLES(ROLES)                               \
  "{% for m in messages %}{% if m.role not in " ROLES      \
  " %}{{ raise_exception('there is no role ' ~ m.role) }}" \
  "{% endif %}{% endfor %}"
#define SPECULA_ALL_ROLES SPECULA_ROLES("['system', 'user', 'assistant']")

// `talk`: the messages behind a system message, which is `head`.
#define SPECULA_HEAD                                                                                              \
  SPECULA_ALL_ROLES                                                                                               \
  "{% set head = messages[0].content if messages and messages[0].role == 'system' else none %}"                   \
  "{% set talk = messages if head is none else messages[1:] %}{% for m in talk %}"                                \
  "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('user and assistant must take turns')" \
  " }}{% endif %}{% endfor %}"

const std::vector<ChatFormat>& formats() {
  static const std::vector<ChatFormat> all = {
      {"llama-2",
       {},
       SPECULA_HEAD "{% for m in talk %}{% if m.role == 'user' %}{{ bos_token ~ '[INST] ' }}"
                    "{% if loop.first and head is not none %}{{ '<<SYS>>\\n' ~ head ~ '\\n<</SYS>>\\n\\n' }}{% endif %}"
                    "{{ (m.content | trim) ~ ' [/INST]' }}{% else %}{{ ' ' ~ (m.content | trim) ~ ' ' ~ eos_token }}"
                    "{% endif %}{% endfor %}"},
      {"llama-3",
       {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
       SPECULA_ALL_ROLES
       "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\\n\\n'"
       " ~ (m.content | trim) ~ '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}"
       "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"},
      {"chatml",
       {"<|im_start|>", "<|im_end|>"},
       SPECULA_ALL_ROLES "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\\n' ~ m.content ~ '<|im_end|>\\n' }}"
                         "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"},
      {"mistral",  // as of tokenizer version 3; the system message goes before the last question
       {},
       SPECULA_HEAD "{{ bos_token }}{% set ns = namespace(last=-1) %}"
                    "{% for m in talk if m.role == 'user' %}{% set ns.last = ns.last + 1 %}{% endfor %}"
                    "{% for m in talk %}{% if m.role == 'user' %}{{ '[INST] ' }}"
                    "{% if head is not none and loop.index0 // 2 == ns.last %}{{ head ~ '\\n\\n' }}{% endif %}"
                    "{{ m.content ~ '[/INST]' }}{% else %}{{ ' ' ~ (m.content | trim) ~ eos_token }}{% endif %}"
                    "{% endfor %}"},
      {"gemma",
       {"<start_of_turn>", "<end_of_turn>"},
       SPECULA_HEAD "{{ bos_token }}{% for m in talk %}{{ '<start_of_turn>' ~ ('model' if m.role == 'assistant' else "
                    "m.role) ~ '\\n' }}{% if loop.first and head is not none %}{{ head ~ '\\n\\n' }}{% endif %}"
                    "{{ (m.content | trim) ~ '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}"
                    "{{ '<start_of_turn>model\\n' }}{% endif %}"},
      {"vicuna",  // version 1.1, whose system message is this one where none is given
       {},
       SPECULA_HEAD "{{ bos_token ~ (head if head is not none else 'A chat between a curious user and an artificial "
                    "intelligence assistant. The assistant gives helpful, detailed, and polite answers to the user\\'s "
                    "questions.') ~ ' ' }}{% for m in talk %}{% if m.role == 'user' %}{{ 'USER: ' ~ m.content ~ ' ' }}"
                    "{% else %}{{ 'ASSISTANT: ' ~ m.content ~ eos_token }}{% endif %}{% endfor %}"
                    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"},
      {"zephyr",
       {},
       SPECULA_ALL_ROLES "{% for m in messages %}{{ '<|' ~ m.role ~ '|>\\n' ~ m.content ~ eos_token ~ '\\n' }}"
                         "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"},
      {"phi-3",
       {"<|user|>", "<|assistant|>", "<|end|>"},
       SPECULA_ALL_ROLES "{% for m in messages %}{{ '<|' ~ m.role ~ '|>\\n' ~ m.content ~ '<|end|>\\n' }}{% endfor %}"
                         "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"},
  };
  return all;
}

#undef SPECULA_HEAD
#undef SPECULA_ALL_ROLES
#undef SPECULA_ROLES

}  // namespace

std::vector<std::string> chat_format_names() {
  std::vector<std::string> names;
  for (const ChatFormat& format : formats()) names.push_back(format.name);
  return names;
}

std::vector<std::string> chat_format_choices() {
  std::vector<std::string> choices = {kNoFormat, kFolderFormat};
  for (const std::string& name : chat_format_names()) choices.push_back(name);
  return choices;
}

const ChatFormat& chat_format(const std::string& name) {
  for (const ChatFormat& format : formats()) {
    if (format.name == name) return format;
  }
  throw Error(cat("there is no chat format '", name, "'; valid: ", join(chat_format_names())));
}

}  // namespace specula
