#include "framework/text/chat_template.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/text/chat_expression.h"

namespace specula {
namespace {

using chat::Expression;
using chat::Scope;
using chat::Value;

enum class Kind { kText, kPrint, kStatement };

struct Segment {
  Kind kind;
  std::string text;
  int line;
};

[[noreturn]] void fail(int line, const std::string& what) {
  throw Error(cat("chat template, line ", line, ": ", what));
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Text, {{ }} and {% %} one after the other, white space already handled: "-" strips all of it on that side; a
// statement takes the blanks before it on its line (lstrip_blocks) and the newline behind it (trim_blocks).
std::vector<Segment> split(const std::string& source) {
  std::vector<Segment> segments;
  size_t at = 0;
  int line = 1;
  bool strip_left = false, trim_newline = false;
  while (at <= source.size()) {
    size_t open = at;
    while ((open = source.find('{', open)) != std::string::npos &&
           (open + 1 == source.size() || std::string("{%#").find(source[open + 1]) == std::string::npos)) {
      ++open;
    }
    std::string text = source.substr(at, open == std::string::npos ? open : open - at);
    const auto newlines = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
    if (strip_left) text.erase(0, std::min(text.size(), text.find_first_not_of(" \t\r\n")));
    const bool after_newline = at == 0 || (trim_newline && !text.empty() && text[0] == '\n');
    if (after_newline && at > 0) text.erase(0, 1);
    const bool last = open == std::string::npos;
    const bool block = !last && source[open + 1] != '{';
    if (!last && open + 2 < source.size() && source[open + 2] == '-') {
      while (!text.empty() && is_space(text.back())) text.pop_back();
    } else if (block) {
      const size_t start = text.find_last_not_of(" \t");
      const bool at_line_start = start == std::string::npos ? after_newline : text[start] == '\n';
      if (at_line_start) text.erase(start == std::string::npos ? 0 : start + 1);
    }
    if (!text.empty()) segments.push_back({Kind::kText, text, line});
    line += newlines;
    if (last) break;
    const std::string closing = source[open + 1] == '{' ? "}}" : source[open + 1] == '%' ? "%}" : "#}";
    const size_t close = source.find(closing, open + 2);
    if (close == std::string::npos) fail(line, cat("'", source.substr(open, 2), "' is not closed"));
    std::string inner = source.substr(open + 2, close - open - 2);
    const int inner_lines = static_cast<int>(std::count(inner.begin(), inner.end(), '\n'));
    strip_left = !inner.empty() && inner.back() == '-';
    trim_newline = block;
    if (!inner.empty() && inner.front() == '-') inner.erase(0, 1);
    if (strip_left && !inner.empty()) inner.pop_back();
    if (closing != "#}") segments.push_back({block ? Kind::kStatement : Kind::kPrint, inner, line});
    line += inner_lines;
    at = close + 2;
  }
  return segments;
}

// Walks the segments once; a branch that is not taken is walked without being executed.
class Renderer {
 public:
  Renderer(const std::vector<Segment>& segments, std::string& out) : segments_(segments), out_(out) {}

  void run(Scope& scope) {
    block(scope, true);
    if (at_ < segments_.size()) fail(segments_[at_].line, cat("'", keyword(segments_[at_]), "' without its beginning"));
  }

 private:
  static std::string keyword(const Segment& segment) {
    const size_t begin = segment.text.find_first_not_of(" \t\r\n");
    if (segment.kind != Kind::kStatement || begin == std::string::npos) return "";
    return segment.text.substr(begin, segment.text.find_first_of(" \t\r\n", begin) - begin);
  }
  static std::string after_keyword(const Segment& segment) {
    const std::string word = keyword(segment);
    return segment.text.substr(segment.text.find(word) + word.size());
  }
  const Segment& current(const char* missing) const {
    if (at_ >= segments_.size()) fail(segments_.back().line, cat("'", missing, "' is missing"));
    return segments_[at_];
  }

  // Up to a statement that ends or splits a block, which is left to the caller.
  void block(Scope& scope, bool active) {
    if (++depth_ > chat::kMostDepth)
      fail(segments_[at_ - 1].line, cat("statements nest more than ", chat::kMostDepth, " deep"));
    walk(scope, active);
    --depth_;
  }

  void walk(Scope& scope, bool active) {
    constexpr int64_t kMostSteps = 1'000'000;  // loops within loops over long chats
    while (at_ < segments_.size()) {
      if (++steps_ > kMostSteps || out_.size() > chat::kMostTextBytes)
        fail(segments_[at_].line,
             cat("the template takes more than ", kMostSteps, " steps or ", chat::kMostTextBytes, " bytes"));
      const Segment& segment = segments_[at_];
      const std::string word = keyword(segment);
      if (word == "endfor" || word == "endif" || word == "elif" || word == "else") return;
      if (segment.kind == Kind::kText) {
        if (active) out_ += segment.text;
      } else if (segment.kind == Kind::kPrint) {
        if (active) out_ += chat::to_text(Expression(segment.text, segment.line, scope).value(), segment.line);
      } else if (word == "set") {
        if (active) set(segment, scope);
      } else if (word == "if") {
        conditional(scope, active);
        continue;
      } else if (word == "for") {
        loop(scope, active);
        continue;
      } else if (active) {
        fail(segment.line, cat("statement '", word, "' is not supported; valid: for, if, elif, else, set"));
      }
      ++at_;
    }
  }

  void set(const Segment& segment, Scope& scope) {
    const std::string text = after_keyword(segment);
    const size_t equals = text.find('=');
    const size_t begin = text.find_first_not_of(" \t\r\n");
    if (equals == std::string::npos || begin >= equals) fail(segment.line, "'set' without a value is not supported");
    const std::string name = text.substr(begin, text.find_last_not_of(" \t\r\n", equals - 1) + 1 - begin);
    if (name.find_first_of(" .,[(") != std::string::npos)
      fail(segment.line, cat("'set ", name, "' is not supported; valid: set NAME = VALUE"));
    scope[name] = Expression(text.substr(equals + 1), segment.line, scope).value();
  }

  void conditional(Scope& scope, bool active) {
    bool taken = false;
    for (std::string word = "if"; word != "endif";) {
      const Segment& head = segments_[at_];
      const bool open = active && !taken;
      const bool now =
          open && (word == "else" || chat::is_true(Expression(after_keyword(head), head.line, scope).value()));
      taken = taken || now;
      ++at_;
      block(scope, now);
      word = keyword(current("endif"));
      if (word == "endfor") fail(segments_[at_].line, "'endfor' inside an 'if'");
    }
    ++at_;
  }

  void loop(Scope& scope, bool active) {
    const Segment& head = segments_[at_];
    const size_t body = ++at_;
    chat::Messages items;
    std::string name;
    if (active) {
      const std::string text = after_keyword(head);
      const size_t in = text.find(" in ");
      const size_t begin = text.find_first_not_of(" \t\r\n");
      if (in == std::string::npos || begin >= in) fail(head.line, "'for' needs 'NAME in LIST'");
      name = text.substr(begin, text.find_last_not_of(" \t\r\n", in) + 1 - begin);
      items = chat::to_messages(Expression(text.substr(in + 4), head.line, scope).value(), head.line);
    }
    for (size_t i = 0; i < items.size(); ++i) {
      Scope inner = scope;  // what a loop sets ends with its turn
      inner[name] = Value{items[i]};
      inner["loop"] = Value{chat::Loop{static_cast<int64_t>(i), static_cast<int64_t>(items.size())}};
      at_ = body;
      block(inner, true);
    }
    at_ = body;
    block(scope, false);
    if (keyword(current("endfor")) != "endfor")
      fail(segments_[at_].line, cat("'", keyword(segments_[at_]), "' inside a 'for' is not supported"));
    ++at_;
  }

  const std::vector<Segment>& segments_;
  std::string& out_;
  size_t at_ = 0;
  int depth_ = 0;
  int64_t steps_ = 0;
};

}  // namespace

std::string apply_chat_template(const std::string& chat_template, const std::vector<ChatMessage>& messages,
                                GenerationPrompt generation_prompt, const std::string& bos_token,
                                const std::string& eos_token) {
  Scope scope;
  scope["messages"] = Value{messages};
  scope["add_generation_prompt"] = Value{generation_prompt == GenerationPrompt::kAdd};
  scope["bos_token"] = Value{bos_token};
  scope["eos_token"] = Value{eos_token};
  std::string source = chat_template, out;
  if (!source.empty() && source.back() == '\n') source.pop_back();  // Jinja drops one newline at the end
  const std::vector<Segment> segments = split(source);
  Renderer(segments, out).run(scope);
  return out;
}

std::vector<Token> encode_chat(const Tokenizer& tokenizer, const std::vector<ChatMessage>& messages) {
  const std::string source = tokenizer.chat_template();
  if (source.empty()) throw Error("the tokenizer has no chat template (tokenizer_config.json, key chat_template)");
  const auto spelled = [&](Token id) { return id < 0 ? std::string() : tokenizer.piece(id); };
  const std::string text =
      apply_chat_template(source, messages, GenerationPrompt::kAdd, spelled(tokenizer.bos()), spelled(tokenizer.eos()));
  return tokenizer.encode(text, Tokenizer::Special::kWritten);
}

}  // namespace specula
