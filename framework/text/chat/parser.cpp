// Statements of templates.
#include <algorithm>

#include "framework/core/error.h"
#include "framework/text/chat/expression_parser.h"

namespace specula::chat {
namespace {

using Kind = Word::Kind;
using Names = std::vector<std::string>;

class Parser final : public ExpressionParser {
 public:
  using ExpressionParser::ExpressionParser;

  Block parse() {
    Block all = block({});
    if (word().kind == Kind::kBlock) fail(cat("'", word(1).text, "' without its beginning"));
    return all;
  }

 private:
  // Up to a statement that is called like one of `ends`, which is left to the caller.
  Block block(const Names& ends) {
    if (++depth_ > kMostDepth) fail(cat("statements nest more than ", kMostDepth, " deep"));
    Block all;
    for (;;) {
      if (word().kind == Kind::kEnd) {
        if (!ends.empty()) fail(cat("'", ends.back(), "' is missing"));
        break;
      }
      if (word().kind == Kind::kBlock && is_end(word(1).text)) {
        if (ends.empty() || std::find(ends.begin(), ends.end(), word(1).text) != ends.end()) break;
        fail(cat("'", word(1).text, "' where '", ends.back(), "' was expected"));
      }
      all.push_back(statement());
    }
    --depth_;
    return all;
  }
  static bool is_end(const std::string& name) {
    static const Names kEnds = {"elif", "else", "endif", "endfor", "endmacro", "endgeneration", "endfilter"};
    return name == "endset" || std::find(kEnds.begin(), kEnds.end(), name) != kEnds.end();
  }

  // {% name %}, where block() has stopped.
  void end(const char* name) {
    take();
    if (!take_name(name)) unexpected(cat("'", name, "'"));
    end_tag();
  }
  void end_tag() {
    if (word().kind != Kind::kEndBlock) unexpected("'%}'");
    take();
  }

  Statement statement() {
    const int line = word().line;
    if (word().kind == Kind::kText) return {.kind = Statement::Kind::kText, .line = line, .text = take().text};
    if (take().kind == Kind::kPrint) {
      Statement print{.kind = Statement::Kind::kPrint, .line = line, .value = tuple()};
      if (word().kind != Kind::kEndPrint) unexpected("'}}'");
      take();
      return print;
    }
    const std::string name = expect_name("{%");
    if (name == "set") return set(line);
    if (name == "if") return conditional(line);
    if (name == "for") return loop(line);
    if (name == "macro") return macro(line);
    if (name == "generation") return enclosing(Statement::Kind::kGeneration, "endgeneration", line);
    if (name == "filter") return enclosing(Statement::Kind::kFilter, "endfilter", line);
    if (name == "break" || name == "continue") {
      if (loops_ == 0) fail(cat("'", name, "' outside of a loop"));
      end_tag();
      return {.kind = name == "break" ? Statement::Kind::kBreak : Statement::Kind::kContinue, .line = line};
    }
    while (word().kind != Kind::kEndBlock && word().kind != Kind::kEnd) take();
    end_tag();
    return {.kind = Statement::Kind::kUnsupported, .line = line, .text = name};
  }

  Target target(bool with_attribute) {
    Target result;
    const bool parenthesis = take_symbol("(");
    result.names.push_back(expect_name("set"));
    if (with_attribute && take_symbol(".")) {
      result.attribute = expect_name(".");
      if (result.attribute[0] == '_') fail(cat("'", result.attribute, "' of a namespace is not supported"));
    }
    while (take_symbol(",")) {
      result.unpacks = true;
      if (!result.attribute.empty()) fail("several values for a namespace are not supported");
      if (word().kind == Kind::kName && !at_name("in")) result.names.push_back(take().text);
    }
    if (parenthesis) expect_symbol(")");
    for (const std::string& name : result.names) {
      static const Names kFixed = {"true", "false", "none", "True", "False", "None", "loop"};
      if (std::find(kFixed.begin(), kFixed.end(), name) != kFixed.end()) fail(cat("'", name, "' cannot be set"));
    }
    return result;
  }

  Statement set(int line) {
    Statement made{.kind = Statement::Kind::kSet, .line = line, .target = target(true)};
    if (take_symbol("=")) {
      made.value = tuple();
      end_tag();
      return made;
    }
    made.kind = Statement::Kind::kSetBlock;
    while (take_symbol("|")) made.filters.push_back(filter());
    end_tag();
    made.body = block({"endset"});
    end("endset");
    return made;
  }

  Statement conditional(int line) {
    Statement made{.kind = Statement::Kind::kIf, .line = line};
    made.branches.push_back({tuple(Choice::kNone), {}});
    for (;;) {
      end_tag();
      const bool last = made.branches.back().condition == nullptr;
      made.branches.back().body = block(last ? Names{"endif"} : Names{"elif", "else", "endif"});
      take();
      if (take_name("endif")) break;
      const bool has_condition = take().text == "elif";
      made.branches.push_back({has_condition ? tuple(Choice::kNone) : nullptr, {}});
    }
    end_tag();
    return made;
  }

  Statement loop(int line) {
    Statement made{.kind = Statement::Kind::kFor, .line = line, .target = target(false)};
    if (!take_name("in")) unexpected("'in'");
    made.value = tuple(Choice::kNone);
    if (take_name("if")) made.condition = expression();
    if (at_name("recursive")) fail("a recursive loop is not supported");
    end_tag();
    ++loops_;
    made.body = block({"else", "endfor"});
    --loops_;
    take();
    if (take_name("else")) {
      end_tag();
      made.otherwise = block({"endfor"});
      end("endfor");
    } else {
      take();
      end_tag();
    }
    return made;
  }

  // Only where every name that it uses stays alive: outside of loops and of other macros.
  Statement macro(int line) {
    if (scopes_ > 0 || loops_ > 0) fail("a macro inside a loop, a macro or a 'generation' block is not supported");
    Statement made{.kind = Statement::Kind::kMacro, .line = line, .macro = std::make_unique<Macro>()};
    made.macro->name = expect_name("macro");
    expect_symbol("(");
    auto& parameters = made.macro->parameters;
    while (!at_symbol(")")) {
      if (!parameters.empty()) expect_symbol(",");
      if (at_symbol(")")) break;
      Macro::Parameter parameter{.name = expect_name("("), .fallback = nullptr};
      if (take_symbol("=")) {
        parameter.fallback = expression();
      } else if (!parameters.empty() && parameters.back().fallback != nullptr) {
        fail("a parameter without a default behind one that has it");
      }
      parameters.push_back(std::move(parameter));
    }
    take();
    end_tag();
    ++scopes_;
    made.macro->body = block({"endmacro"});
    --scopes_;
    end("endmacro");
    return made;
  }

  // A block with a scope of its own.
  Statement enclosing(Statement::Kind kind, const char* last, int line) {
    Statement made{.kind = kind, .line = line};
    if (kind == Statement::Kind::kFilter) {
      do made.filters.push_back(filter());
      while (take_symbol("|"));
    }
    end_tag();
    const int loops = std::exchange(loops_, 0);  // neither `break` nor `continue` leaves it
    ++scopes_;
    made.body = block({last});
    --scopes_;
    loops_ = loops;
    end(last);
    return made;
  }

  int loops_ = 0, scopes_ = 0;
};

}  // namespace

Block parse_template(const std::string& source) {
  if (source.size() > kMostTemplateBytes)
    throw Error(cat("chat template: ", source.size(), " bytes; at most ", kMostTemplateBytes, " are read"));
  return Parser(source).parse();
}

}  // namespace specula::chat
