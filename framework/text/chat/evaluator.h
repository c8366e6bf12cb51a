// Runs a template.  Nothing of the process can be reached from it: values are texts, numbers, lists and mappings, and
// what can be called is the closed set of functions, filters, tests and methods below.  Licence: Apache-2.0.
#pragma once

#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framework/text/chat/syntax.h"

namespace specula::chat {

using Variables = std::map<std::string, Value>;

// The arguments of one call.  finish() refuses those that nobody asked for.
class Arguments {
 public:
  Arguments(std::string callee, std::vector<Value> by_position, std::vector<std::pair<std::string, Value>> by_name);
  const Value* find(size_t position, const char* name = "");
  const Value& at(size_t position, const char* name = "");  // throws Fault where it is missing
  std::vector<Value> rest(size_t from);                     // all by position that follow, taken
  void finish() const;
  size_t positions() const { return by_position_.size(); }
  const std::vector<std::pair<std::string, Value>>& names() const { return by_name_; }
  const std::string& callee() const { return callee_; }

 private:
  std::string callee_;
  std::vector<Value> by_position_;
  std::vector<std::pair<std::string, Value>> by_name_;
  size_t positions_asked_ = 0;
  std::vector<std::string> names_asked_;
};

class Evaluator {
 public:
  Evaluator(Variables variables, std::time_t now);
  std::string run(const Block& all);  // throws Error with the line

 private:
  enum class Flow { kNext, kBreak, kContinue };
  class Deeper;  // counts what nests

  // statements.cpp
  Flow block(const Block& statements);
  Flow statement(const Statement& statement);
  Flow loop(const Statement& statement);
  void set(const Target& target, const Value& value);
  void unpack(const std::vector<std::string>& names, const Value& value);
  std::string captured(const Block& body);  // what it prints, in a scope of its own
  Value filtered(Value value, const std::vector<Access>& filters);
  Value call_macro(const Macro& macro, Arguments& arguments);
  void print(const std::string& text);

  // expressions.cpp
  Value evaluate(const Expression& expression);
  Value result_of(const Expression& expression);
  Value variable(const std::string& name) const;
  std::vector<Value> values_of(const std::vector<ExpressionPtr>& expressions);
  Value dict_of_pairs(const Expression& expression);
  Value chain(const Expression& expression);
  Value compared_chain(const Expression& expression);
  bool holds(const std::string& operation, const Value& left, const Value& right);
  Value calculated(const std::string& operation, const Value& left, const Value& right);
  Value accessed(const Expression& expression);
  Value attribute(const Value& of, const std::string& name);
  Value item(const Value& of, const Value& key);
  Value sliced_value(const Value& of, const Access& access);
  Arguments arguments_of(const Access& access, const std::string& callee);
  Value call(const Value& callee, Arguments arguments);
  Value call_function(Function function, Arguments& arguments);

  // methods.cpp, filters.cpp, tests.cpp
  Value method(const Value& of, const std::string& name, Arguments arguments);
  Value text_method(const std::string& text, const std::string& name, Arguments& arguments);
  Value filter(const std::string& name, const Value& value, Arguments arguments);
  Value text_filter(const std::string& name, const Value& value, Arguments& arguments, bool& known);
  Value list_filter(const std::string& name, const Value& value, Arguments& arguments, bool& known);
  Value selected(const std::string& name, const Value& value, Arguments& arguments);
  Value mapped(const Value& value, Arguments& arguments);
  bool test(const std::string& name, const Value& value, Arguments arguments);
  Value path_of(const Value& of, const std::string& path);  // "a.b" of `attribute=`

  std::vector<Variables> scopes_;  // the first is the template's own
  size_t base_ = 0;                // where the scopes of the innermost macro begin
  std::string* out_ = nullptr;
  std::vector<std::unique_ptr<Namespace>> namespaces_;
  Budget budget_;
  std::time_t now_;
  int line_ = 1, depth_ = 0;
  int64_t loop_depth_ = 0;
};

class Evaluator::Deeper {
 public:
  explicit Deeper(Evaluator& evaluator) : evaluator_(evaluator) {
    if (++evaluator_.depth_ > kMostCalls) unsupported("a template whose macros call each other endlessly");
  }
  ~Deeper() { --evaluator_.depth_; }
  Deeper(const Deeper&) = delete;
  Deeper& operator=(const Deeper&) = delete;

 private:
  Evaluator& evaluator_;
};

}  // namespace specula::chat
