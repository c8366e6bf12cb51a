// The values of a chat template, as Python has them, and what it may spend.  A template comes with a model, so from a
// stranger: each node that is evaluated and each text that is made or searched costs steps.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace specula::chat {

inline constexpr int kMostDepth = 100;                         // of expressions in each other, of statements, of lists
inline constexpr int kMostCalls = 400;                         // of all of them together, macros included
inline constexpr size_t kMostTextBytes = size_t{64} << 20;     // of any text that is made
inline constexpr size_t kMostTemplateBytes = size_t{1} << 20;  // published ones have up to 30 KB
inline constexpr int64_t kMostSteps = 10'000'000;              // a long chat takes some 100 000
inline constexpr size_t kBytesPerStep = 64;

// What a template does wrong; who runs it adds the line.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
[[noreturn]] void unsupported(const std::string& what);

struct Undefined {};
struct None {};
struct List;
struct Dict;
struct Namespace;
struct Loop;
struct Macro;  // syntax.h
enum class Function { kRaiseException, kStrftimeNow, kNamespace, kRange, kDict };
using Text = std::shared_ptr<const std::string>;  // shared: a chat is copied from variable to variable
using Value =
    std::variant<Undefined, None, bool, int64_t, double, Text, std::shared_ptr<const List>, std::shared_ptr<const Dict>,
                 Namespace*, std::shared_ptr<const Loop>, const Macro*, Function>;

struct List {
  // Python tells them apart where they are printed, counted and asked whether they are true.
  enum class Kind { kList, kTuple, kIterator, kView } kind = Kind::kList;
  std::vector<Value> items;
  int height = 1;
};
struct Dict {
  std::vector<std::pair<std::string, Value>> entries;  // in the order of their making
  int height = 1;
  const Value* find(const std::string& key) const;
};
struct Namespace {  // owned by the evaluator: one may hold itself
  std::vector<std::pair<std::string, Value>> entries;
};
struct Loop {
  std::shared_ptr<const List> items;
  int64_t index = 0, depth = 1;
};

class Budget {
 public:
  void spend(int64_t steps);
  void read(size_t bytes) { spend(static_cast<int64_t>(bytes / kBytesPerStep)); }
  Text text(std::string made);
  Text text(const std::string& left, const std::string& right);
  Value list(std::vector<Value> items, List::Kind kind = List::Kind::kList);
  Value dict(std::vector<std::pair<std::string, Value>> entries);

 private:
  int64_t steps_ = 0;
};

template <class T>
const T* as(const Value& value) {
  return std::get_if<T>(&value);
}
inline const std::string* text_of(const Value& value) {
  const Text* text = as<Text>(value);
  return text == nullptr ? nullptr : text->get();
}
inline const List* list_of(const Value& value) {
  const auto* list = as<std::shared_ptr<const List>>(value);
  return list == nullptr ? nullptr : list->get();
}
inline const Dict* dict_of(const Value& value) {
  const auto* dict = as<std::shared_ptr<const Dict>>(value);
  return dict == nullptr ? nullptr : dict->get();
}
inline bool is_undefined(const Value& value) { return as<Undefined>(value) != nullptr; }
const char* kind_of(const Value& value);  // "a list", for error texts
bool is_true(const Value& value);

// Numbers with booleans among them, as Python counts.
bool is_number(const Value& value);
bool is_integer(const Value& value);                       // a boolean too
int64_t integer_of(const Value& value, const char* what);  // throws Fault for anything else
double float_of(const Value& value);

bool same(const Value& left, const Value& right, Budget& budget);      // ==
int compared(const Value& left, const Value& right, Budget& budget);   // < 0, 0, > 0; throws Fault
bool contains(const Value& whole, const Value& part, Budget& budget);  // part in whole
std::vector<Value> items_of(const Value& value, Budget& budget);       // what a loop over it visits; throws Fault
int64_t length_of(const Value& value);                                 // throws Fault

}  // namespace specula::chat
