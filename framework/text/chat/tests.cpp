// Tests: value is name(arguments).
#include "framework/core/error.h"
#include "framework/text/chat/evaluator.h"
#include "framework/text/chat/python_text.h"

namespace specula::chat {

bool Evaluator::test(const std::string& name, const Value& value, Arguments arguments) {
  static const std::map<std::string, std::string> kComparisons = {
      {"equalto", "=="}, {"eq", "=="}, {"==", "=="}, {"ne", "!="}, {"!=", "!="}, {"lt", "<"},
      {"lessthan", "<"}, {"<", "<"},   {"le", "<="}, {"<=", "<="}, {"gt", ">"},  {"greaterthan", ">"},
      {">", ">"},        {"ge", ">="}, {">=", ">="}, {"in", "in"}};
  if (const auto found = kComparisons.find(name); found != kComparisons.end()) {
    const Value& other = arguments.at(0);
    arguments.finish();
    return holds(found->second, value, other);
  }
  if (name == "divisibleby" || name == "odd" || name == "even") {
    const int64_t by = name == "divisibleby" ? integer_of(arguments.at(0), "a divisor") : 2;
    arguments.finish();
    const Value rest = calculated("%", integer_of(value, "a dividend"), by);
    return is_true(rest) == (name == "odd");
  }
  arguments.finish();
  const List* list = list_of(value);
  const bool is_list = list != nullptr && (list->kind == List::Kind::kList || list->kind == List::Kind::kTuple);
  const bool is_text = text_of(value) != nullptr, is_dict = dict_of(value) != nullptr;
  const auto* flag = as<bool>(value);
  if (name == "defined") return !is_undefined(value);
  if (name == "undefined") return is_undefined(value);
  if (name == "none") return as<None>(value) != nullptr;
  if (name == "string") return is_text;
  if (name == "mapping") return is_dict;
  if (name == "iterable") return list != nullptr || is_text || is_dict || is_undefined(value);
  if (name == "sequence") return is_list || is_text || is_dict || is_undefined(value);
  if (name == "number") return is_number(value);
  if (name == "integer") return as<int64_t>(value) != nullptr;
  if (name == "float") return as<double>(value) != nullptr;
  if (name == "boolean") return flag != nullptr;
  if (name == "true") return flag != nullptr && *flag;
  if (name == "false") return flag != nullptr && !*flag;
  if (name == "callable") return as<Function>(value) != nullptr || as<const Macro*>(value) != nullptr;
  unsupported(cat("test 'is ", name, "'"));
}

}  // namespace specula::chat
