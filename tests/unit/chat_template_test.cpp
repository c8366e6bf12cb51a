// Chat templates as the model families write them, against what transformers' Jinja renders, and what is refused.
#include "framework/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"

namespace specula {
namespace {

using ::testing::HasSubstr;

const std::vector<ChatMessage> kTalk = {
    {"system", "Be brief."}, {"user", " Hi "}, {"assistant", "Hello."}, {"user", "Bye"}};
const std::vector<ChatMessage> kUser = {{"user", "Hi"}};

std::string render(const std::string& source, const std::vector<ChatMessage>& messages,
                   GenerationPrompt prompt = GenerationPrompt::kAdd) {
  return apply_chat_template(source, messages, prompt, "<s>", "</s>");
}

std::string error(const std::string& source, const std::vector<ChatMessage>& messages = kUser) {
  try {
    return "no error: " + render(source, messages);
  } catch (const Error& e) {
    return e.what();
  }
}

TEST(ChatTemplate, ChatMl) {
  const std::string source =
      "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + "
      "'\\n'}}"
      "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
  EXPECT_EQ(render(source, kUser), "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(render(source, kUser, GenerationPrompt::kOmit), "<|im_start|>user\nHi<|im_end|>\n");
}

TEST(ChatTemplate, ZephyrTrimsBlocks) {
  const std::string source =
      "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\\n' + message['content'] + "
      "eos_token }}\n"
      "{% elif message['role'] == 'system' %}\n{{ '<|system|>\\n' + message['content'] + eos_token }}\n"
      "{% elif message['role'] == 'assistant' %}\n{{ '<|assistant|>\\n'  + message['content'] + eos_token }}\n{% endif "
      "%}\n"
      "{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}";
  EXPECT_EQ(
      render(source, kTalk),
      "<|system|>\nBe brief.</s>\n<|user|>\n Hi </s>\n<|assistant|>\nHello.</s>\n<|user|>\nBye</s>\n<|assistant|>\n");
}

const char* const kLlama2 =
    "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = "
    "messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
    "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + "
    "'\\n<</SYS>>\\n\\n' + "
    "message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}"
    "{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";

TEST(ChatTemplate, Llama2) {
  EXPECT_EQ(render(kLlama2, kTalk),
            "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n Hi [/INST] Hello. </s><s>[INST] Bye [/INST]");
  EXPECT_EQ(render(kLlama2, kUser), "<s>[INST] Hi [/INST]");
  EXPECT_THAT(error(kLlama2, {{"assistant", "x"}}),
              HasSubstr("refused by the template: Conversation roles must alternate"));
}

TEST(ChatTemplate, Llama3) {
  const std::string source =
      "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
      "message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 "
      "%}"
      "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
      "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";
  EXPECT_EQ(
      render(source, {{"user", " Hi "}}),
      "<s><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n");
}

TEST(ChatTemplate, WhiteSpaceControl) {
  EXPECT_EQ(render("a  {%- if true -%}  b  {%- endif %}\n c", kUser), "ab c");
  EXPECT_EQ(render("a\n  {% if true %}\nb\n  {% endif %}\nc\n", kUser), "a\nb\nc");
  EXPECT_EQ(render("\n  {% if true %}  \n y {% endif %}  {% if true %} z\n{% endif %}\n\n", kUser), "\n  \n y    z\n");
  EXPECT_EQ(render("x {{- ' y ' -}} z{# note #}\n!", kUser), "x y z!");
  EXPECT_EQ(render("  {{ 1 }}  { %\n", kUser), "  1  { %");
}

TEST(ChatTemplate, Expressions) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"messages[-1].role", "assistant"},
      {"messages | length", "2"},
      {"'a' ~ 1 + 2", "a3"},
      {"7 % 3 - 2", "-1"},
      {"'y' if", ""},
      {"nothing", ""},
      {"messages[5].role or 'none'", "'.role' of an undefined value"},
      {"(messages[0]['content'])", "Hi"},
      {"\"d\\\"q\"", "d\"q"},
  };
  const std::vector<ChatMessage> two = {{"user", "Hi"}, {"assistant", "Ho"}};
  for (const auto& [expression, expected] : cases) {
    if (expression == "'y' if") {
      EXPECT_THAT(error("{{ " + expression + " }}", two), HasSubstr("'if' is not supported"));
    } else if (expected[0] == '\'') {
      EXPECT_THAT(error("{{ " + expression + " }}", two), HasSubstr(expected));
    } else {
      EXPECT_EQ(render("{{ " + expression + " }}", two), expected) << expression;
    }
  }
  const auto holds = [&](const std::string& condition) {
    return render("{% if " + condition + " %}y{% endif %}", two) == "y";
  };
  EXPECT_TRUE(holds("'tool_calls' not in messages[0] and messages[0].name is not defined"));
  EXPECT_TRUE(holds("none is none and not false and 'e' in 'hey' and 2 > 1 and 1 <= 1"));
  EXPECT_TRUE(holds("true or raise_exception('not evaluated')"));
  EXPECT_FALSE(holds("tools is defined and tools | tojson"));
}

TEST(ChatTemplate, LoopVariablesEndWithTheirTurn) {
  EXPECT_EQ(render("{% set a = 'o' %}{% for m in messages %}{{ a }}{% set a = 'i' %}{{ a }}{% endfor %}{{ a }}",
                   {{"u", ""}, {"v", ""}}),
            "oioio");
}

TEST(ChatTemplate, WhatIsNotSupportedIsNamedWithItsLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\n{% macro f() %}{% endmacro %}", "line 2: statement 'macro' is not supported"},
      {"{{ namespace(x=1) }}", "calling 'namespace' is not supported"},
      {"{{ messages | tojson }}", "filter 'tojson' is not supported"},
      {"{{ messages }}", "text was expected, got a list"},
      {"{% for a, b in messages %}{% endfor %}{{ a", "'{{' is not closed"},
      {"{% for m in messages %}x", "'endfor' is missing"},
      {"{% if true %}x", "'endif' is missing"},
      {"x{% endif %}", "'endif' without its beginning"},
      {"{% set ns.x = 1 %}", "'set ns.x' is not supported"},
      {"{{ 'a' + 1 }}", "'+' between a string and a number"},
      {"{{ 'a' 'b' }}", "'b' is not supported"},
      {"{{ 'a }}", "string without its end"},
  };
  for (const auto& [source, expected] : cases) EXPECT_THAT(error(source), HasSubstr(expected)) << source;
  EXPECT_EQ(render("{% if false %}{{ namespace(x=1) | tojson }}{% endif %}ok", kUser),
            "ok");  // not reached, not judged
}

std::string repeated(const std::string& text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string refusal(const std::string& source) {
  try {
    apply_chat_template(source, {{"user", "a"}, {"user", "b"}}, GenerationPrompt::kOmit, "<s>", "</s>");
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(ChatTemplate, SpendsNoMoreThanItsBounds) {
  EXPECT_EQ(refusal("{{ " + repeated("(", 90) + "1" + repeated(")", 90) + " }}"), "nothing was thrown");
  EXPECT_THAT(refusal("{{ " + repeated("(", 300000) + " }}"),
              HasSubstr("an expression more than 100 deep is not supported"));
  EXPECT_THAT(refusal("{{ " + repeated("not ", 300000) + "1 }}"), HasSubstr("more than 100 deep"));
  EXPECT_THAT(refusal("{{ messages" + repeated("[messages", 300000) + " }}"), HasSubstr("more than 100 deep"));
  EXPECT_THAT(refusal("{{ " + repeated("-", 300000) + "1 }}"), HasSubstr("'-' before anything but a number"));
  EXPECT_EQ(refusal(repeated("{% if true %}", 90) + repeated("{% endif %}", 90)), "nothing was thrown");
  EXPECT_THAT(refusal(repeated("{% if true %}", 300000)), HasSubstr("statements nest more than 100 deep"));
  EXPECT_THAT(refusal(repeated("{% for m in messages %}", 14) + repeated("x{# #}", 100) + repeated("{% endfor %}", 14)),
              HasSubstr("takes more than 1000000 steps"));
  EXPECT_THAT(refusal("{% set a = 'twenty characters xx' %}" + repeated("{% set a = a + a %}", 40)),
              HasSubstr("a text of more than 67108864 bytes"));
  EXPECT_THAT(refusal("{% set a = 999999999 %}" + repeated("{% set a = a + a %}", 40)), HasSubstr("beyond 64 bits"));
}

}  // namespace
}  // namespace specula
