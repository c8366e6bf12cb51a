// What a template is read into: statements and expressions.  Chains (a + b - c, a and b, x.y[z] | f) are flat, so that
// only what nests is deep.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/text/chat/value.h"

namespace specula::chat {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Argument {
  std::string name;  // "": by position
  ExpressionPtr value;
};

// What stands behind a value: .name, [item], [begin:end:step], (arguments), | name(arguments), is name(arguments).
struct Access {
  enum class Kind { kAttribute, kItem, kSlice, kCall, kFilter, kTest, kTestNot } kind;
  int line;
  std::string name;
  std::vector<Argument> arguments;
  ExpressionPtr item, begin, end, step;
};

struct Expression {
  enum class Kind {
    kLiteral,
    kName,
    kList,
    kTuple,
    kDict,  // keys and values in turn
    kAll,   // and
    kAny,   // or
    kNot,
    kCompared,    // a < b == c
    kCalculated,  // a + b - c
    kJoined,      // a ~ b
    kNegated,
    kPositive,
    kChoice,   // a if condition else b: condition, a, b (absent: undefined)
    kAccessed  // one operand and what stands behind it
  } kind;
  int line;
  std::string name = {};
  Value literal = {};
  std::vector<ExpressionPtr> operands = {};
  std::vector<std::string> operators = {};  // one before each operand but the first
  std::vector<Access> accesses = {};
};

struct Target {
  std::vector<std::string> names;
  std::string attribute;  // of the namespace that is the one name
  bool unpacks = false;
};

struct Statement;
using Block = std::vector<Statement>;
struct Branch {
  ExpressionPtr condition;  // null: else
  Block body;
};

struct Macro {
  struct Parameter {
    std::string name;
    ExpressionPtr fallback;  // null: undefined
  };
  std::string name;
  std::vector<Parameter> parameters;
  Block body;
};

struct Statement {
  enum class Kind {
    kText,
    kPrint,
    kSet,
    kSetBlock,
    kIf,
    kFor,
    kMacro,
    kGeneration,
    kFilter,
    kBreak,
    kContinue,
    kUnsupported  // an error where it is reached
  } kind;
  int line;
  std::string text = {};
  Target target = {};
  ExpressionPtr value = {}, condition = {};
  std::vector<Access> filters = {};  // of a block
  std::vector<Branch> branches = {};
  Block body = {}, otherwise = {};
  std::unique_ptr<Macro> macro = {};
};

Block parse_template(const std::string& source);  // throws Error with the line

}  // namespace specula::chat
