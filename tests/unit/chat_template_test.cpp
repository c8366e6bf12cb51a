// Chat templates as the model families write them, against what transformers' Jinja renders, and what is refused.
#include "framework/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"
#include "framework/text/chat_formats.h"

namespace specula {
namespace {

using ::testing::HasSubstr;

const std::vector<ChatMessage> kTalk = {
    {"system", "Be brief."}, {"user", " Hi "}, {"assistant", "Hello."}, {"user", "Bye"}};
const std::vector<ChatMessage> kUser = {{"user", "Hi"}};

std::string render(const std::string& source, const std::vector<ChatMessage>& messages,
                   GenerationPrompt prompt = GenerationPrompt::kAdd) {
  return apply_chat_template(source, messages,
                             {.generation_prompt = prompt,
                              .special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}},
                              .now = 1721952000});
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
      {"'a' ~ (1 + 2)", "a3"},
      {"'a' ~ 1 + 2", "! '+' between a string and a number"},
      {"7 % 3 - 2", "-1"},
      {"'y' if", "! where a value was expected"},
      {"nothing", ""},
      {"messages[5].role or 'none'", "! '.role' of an undefined value"},
      {"(messages[0]['content'])", "Hi"},
      {"\"d\\\"q\"", "d\"q"},
  };
  const std::vector<ChatMessage> two = {{"user", "Hi"}, {"assistant", "Ho"}};
  for (const auto& [expression, expected] : cases) {
    if (expected.starts_with("! ")) {
      EXPECT_THAT(error("{{ " + expression + " }}", two), HasSubstr(expected.substr(2)));
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
  EXPECT_FALSE(holds("tools is not none and tools | tojson"));
}

TEST(ChatTemplate, LoopVariablesEndWithTheirTurn) {
  EXPECT_EQ(render("{% set a = 'o' %}{% for m in messages %}{{ a }}{% set a = 'i' %}{{ a }}{% endfor %}{{ a }}",
                   {{"u", ""}, {"v", ""}}),
            "oioio");
}

TEST(ChatTemplate, WhatIsNotSupportedIsNamedWithItsLine) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\n{% include 'x' %}", "line 2: statement 'include'; valid: for, if, set"},
      {"\n\n{{ lipsum(3) }}", "line 3: calling 'lipsum' is not supported"},
      {"{{ messages | wordcount }}", "filter 'wordcount' is not supported"},
      {"{{ 1 is sorted }}", "test 'is sorted' is not supported"},
      {"{{ 'a'.encode() }}", "'.encode()' of a string is not supported"},
      {"{{ ''.__class__ }}", "'.__class__' of a string is not supported"},
      {"{{ messages.append(1) }}", "'.append()' of a list is not supported"},
      {"{% set ns = namespace() %}{% set ns._x = 1 %}", "'_x' of a namespace is not supported"},
      {"{% set x = 1 %}{% set x.y = 1 %}", "'set x.y' of a number is not supported"},
      {"{% for a, b in messages %}{% endfor %}{{ a", "'{{' is not closed"},
      {"{% for a, b, c in messages %}{% endfor %}", "2 values for 3 names"},
      {"{% for m in messages recursive %}{% endfor %}", "a recursive loop is not supported"},
      {"{% for m in messages %}x", "'endfor' is missing"},
      {"{% if true %}x", "'endif' is missing"},
      {"{% if true %}{% endfor %}", "'endfor' where 'endif' was expected"},
      {"x{% endif %}", "'endif' without its beginning"},
      {"{% break %}", "'break' outside of a loop"},
      {"{{ 'a' + 1 }}", "'+' between a string and a number"},
      {"{{ nothing.x }}", "'.x' of an undefined value"},
      {"{{ 'a }}", "string without its end"},
      {"{{ '\u00e9' | upper }}", "beyond ASCII"},
  };
  for (const auto& [source, expected] : cases) EXPECT_THAT(error(source), HasSubstr(expected)) << source;
  EXPECT_EQ(render("{% if false %}{% call f() %}{{ x | wordcount }}{% endcall %}{% endif %}ok", kUser),
            "ok");  // not reached, not judged
}

std::string repeated(const std::string& text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string refusal(const std::string& source) {
  const std::string text = error(source, {{"user", "a"}, {"user", "b"}});
  return text.starts_with("no error: ") ? "nothing was thrown" : text;
}

TEST(ChatTemplate, SpendsNoMoreThanItsBounds) {
  EXPECT_EQ(refusal("{{ " + repeated("(", 90) + "1" + repeated(")", 90) + " }}"), "nothing was thrown");
  EXPECT_THAT(refusal("{{ " + repeated("(", 100000) + "1" + repeated(")", 100000) + " }}"),
              HasSubstr("an expression more than 100 deep is not supported"));
  EXPECT_THAT(refusal("{{ " + repeated("not ", 100000) + "1 }}"), HasSubstr("more than 100 deep"));
  EXPECT_THAT(refusal("{{ messages" + repeated("[messages", 70000) + repeated("]", 70000) + " }}"),
              HasSubstr("more than 100 deep"));
  EXPECT_THAT(refusal("{{ " + repeated("-", 100000) + "1 }}"), HasSubstr("more than 100 deep"));
  EXPECT_EQ(refusal(repeated("{% if true %}", 90) + repeated("{% endif %}", 90)), "nothing was thrown");
  EXPECT_THAT(refusal(repeated("{% if true %}", 70000)), HasSubstr("statements nest more than 100 deep"));
  EXPECT_THAT(refusal(repeated("{% for m in messages %}", 24) + "x" + repeated("{% endfor %}", 24)),
              HasSubstr("takes more than 10000000 steps"));
  EXPECT_THAT(refusal("{% set a = 'twenty characters xx' %}" + repeated("{% set a = a + a %}", 40)),
              HasSubstr("a text of more than 67108864 bytes"));
  EXPECT_THAT(refusal("{% set a = 999999999 %}" + repeated("{% set a = a + a %}", 40)), HasSubstr("beyond 64 bits"));
  EXPECT_THAT(refusal("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), HasSubstr("call each other endlessly"));
  EXPECT_THAT(refusal("{% set ns = namespace(l=[]) %}{% for i in range(200) %}{% set ns.l = [ns.l] %}{% endfor %}"),
              HasSubstr("a list more than 100 deep"));
  EXPECT_EQ(refusal("{% set ns = namespace() %}{% set ns.self = ns %}"), "nothing was thrown");
  EXPECT_THAT(refusal("{{ 'a' * 99999999999 }}"), HasSubstr("a text of more than 67108864 bytes"));
  EXPECT_THAT(refusal("{% set a = 'a' * 9999999 %}{% for i in range(99999) %}{{ (a ~ 'b') in a }}{% endfor %}"),
              HasSubstr("takes more than 10000000 steps"));
  EXPECT_THAT(refusal(std::string(2 << 20, ' ')), HasSubstr("at most 1048576 are read"));
}

// What Jinja makes of each, as published templates use it.
TEST(ChatTemplate, Constructs) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{% set ns = namespace(n=0) %}{% for m in messages[::-1] %}{% set ns.n = ns.n + 1 %}{{ m.content }}{% endfor %}"
       "{{ ns.n }}",
       "ByeHello. Hi Be brief.4"},
      {"{% for m in messages if m.role == 'user' %}{{ loop.index ~ '/' ~ loop.length ~ m.content }}{% else %}-"
       "{% endfor %}",
       "1/2 Hi 2/2Bye"},
      {"{% for m in [] %}x{% else %}none{% endfor %}", "none"},
      {"{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.role }}{% break %}{% endfor %}",
       "user"},
      {"{% macro f(a, b='!') %}{{ a }}{{ b }}{% endmacro %}{{ f('x') ~ f('y', b='?') }}", "x!y?"},
      {"{% set t | trim %}  a {{ 1 }} {% endset %}[{{ t }}]", "[a 1]"},
      {"{% for k, v in {'a': 1, 'b': none}.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=None;"},
      {"{{ messages[0] | tojson }}", R"({"role": "system", "content": "Be brief."})"},
      {"{{ [1, 2.5, true, 'it\\'s', (1,)] }}", R"([1, 2.5, True, "it's", (1,)])"},
      {"{{ messages | map(attribute='role') | join(',') }}", "system,user,assistant,user"},
      {"{{ (messages | selectattr('role', 'equalto', 'user') | list)[-1].content }}", "Bye"},
      {"{{ 'yes' if messages | rejectattr('role', 'in', ['system', 'user', 'assistant']) else 'no' }}", "yes"},
      {"{{ '<think>a</think>\n\nb'.split('</think>')[-1].lstrip('\n') }}", "b"},
      {"{{ 1 < 2 < 3 }} {{ 7 // -2 }} {{ -7 % 3 }} {{ 1 / 2 }} {{ 2 ** 3 }} {{ 1e16 }}", "True -4 2 0.5 8 1e+16"},
      {"{{ tools is none and documents is defined and pad_token is not defined }}", "True"},
      {"{% generation %}a{% endgeneration %}{% raw %}{{ x }}{% endraw %}{# b #}", "a{{ x }}"},
      {"{{ strftime_now('%Y') }}", "2024"},
      {"{{ 'b\u00e9a' | length }}{{ 'b\u00e9a'[1] }}{{ 'b\u00e9a'[::-1] }}", "3\u00e9a\u00e9b"},
      {"{{ 'a b' | title }}{{ 'x' | indent(2, true) }}{{ nothing | default('d') }}{{ ' 4.2 ' | int }}", "A B  xd4"},
  };
  for (const auto& [source, expected] : cases) EXPECT_EQ(render(source, kTalk), expected) << source;
}

// A template's text is no template: what users write is never read as one.
TEST(ChatTemplate, MessagesAreNotRead) {
  EXPECT_EQ(render("{{ messages[0].content }}", {{"user", "{{ 1 }}{% if %}"}}), "{{ 1 }}{% if %}");
}

TEST(ChatFormats, RenderAsDocumented) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"llama-2", "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST] Hello. </s><s>[INST] Bye [/INST]"},
      {"chatml",
       "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n Hi <|im_end|>\n<|im_start|>assistant\nHello."
       "<|im_end|>\n<|im_start|>user\nBye<|im_end|>\n<|im_start|>assistant\n"},
      {"mistral", "<s>[INST]  Hi [/INST] Hello.</s>[INST] Be brief.\n\nBye[/INST]"},
      {"gemma",
       "<s><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
       "<start_of_turn>user\nBye<end_of_turn>\n<start_of_turn>model\n"},
      {"vicuna", "<s>Be brief. USER:  Hi  ASSISTANT: Hello.</s>USER: Bye ASSISTANT:"},
      {"zephyr",
       "<|system|>\nBe brief.</s>\n<|user|>\n Hi </s>\n<|assistant|>\nHello.</s>\n<|user|>\nBye</s>\n"
       "<|assistant|>\n"},
      {"phi-3",
       "<|system|>\nBe brief.<|end|>\n<|user|>\n Hi <|end|>\n<|assistant|>\nHello.<|end|>\n<|user|>\nBye<|end|>\n"
       "<|assistant|>\n"},
  };
  for (const auto& [name, expected] : cases) EXPECT_EQ(render(chat_format(name).text, kTalk), expected) << name;
  EXPECT_THAT(render(chat_format("llama-3").text, kUser), HasSubstr("user<|end_header_id|>\n\nHi<|eot_id|>"));
  for (const std::string& name : chat_format_names())
    EXPECT_THAT(error(chat_format(name).text, {{"tool", "x"}}), HasSubstr("there is no role tool")) << name;
  EXPECT_THROW(chat_format("llama"), Error);
}

}  // namespace
}  // namespace specula
