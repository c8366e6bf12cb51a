#include "framework/model/checkpoint/torch_pickle.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr int kDeepest = 64;                      // of values within values
constexpr size_t kMostValues = size_t{4} << 20U;  // that a pickle may push
constexpr size_t kMostWork = size_t{1} << 28U;    // values that are looked at while dictionaries grow

struct Value;
using Shared = std::shared_ptr<const Value>;
using List = std::vector<Shared>;

struct Global {  // a name that a Python would import
  std::string name;
};
struct Storage {
  std::string key, dtype;
  int64_t elements = 0;
};
struct None {};
struct Dict {
  std::vector<std::pair<Shared, Shared>> items;
};
struct Sequence {  // a tuple or a list
  List items;
};

struct Value {
  std::variant<None, bool, int64_t, double, std::string, Sequence, Dict, Global, Storage, PickledTensor> data;
  int depth = 0;
};

// What a pickle may name, and the dtype of a storage.
const std::map<std::string, std::string>& storages() {
  static const std::map<std::string, std::string> kStorages = {
      {"torch FloatStorage", "F32"},  {"torch HalfStorage", "F16"}, {"torch BFloat16Storage", "BF16"},
      {"torch DoubleStorage", "F64"}, {"torch LongStorage", "I64"}, {"torch IntStorage", "I32"},
      {"torch ShortStorage", "I16"},  {"torch CharStorage", "I8"},  {"torch ByteStorage", "U8"},
      {"torch BoolStorage", "BOOL"}};
  return kStorages;
}
constexpr const char *kDict = "collections OrderedDict", *kTensor = "torch._utils _rebuild_tensor_v2",
                     *kParameter = "torch._utils _rebuild_parameter";

bool is_known(const std::string& name) {
  return storages().contains(name) || name == kDict || name == kTensor || name == kParameter;
}

class Machine {
 public:
  Machine(const std::string& bytes, const std::string& place) : bytes_(bytes), place_(place) {}

  Shared run() {
    for (;;) {
      const uint8_t op = byte();
      if (op == '.') {
        Shared result = pop();
        if (!stack_.empty()) fail("values are left behind the last one");
        return result;
      }
      step(op);
    }
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(cat(place_, ": byte ", at_, " of its pickle: ", what));
  }

  // --- Bytes ---
  std::string take(size_t count) {
    if (count > bytes_.size() - at_) fail("it ends too early");
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  uint8_t byte() { return static_cast<uint8_t>(take(1)[0]); }
  uint64_t number(size_t width) {
    const std::string text = take(width);
    uint64_t value = 0;
    for (size_t i = 0; i < width; ++i) value |= uint64_t{static_cast<uint8_t>(text[i])} << (8 * i);
    return value;
  }
  std::string line() {
    const size_t end = bytes_.find('\n', at_);
    if (end == std::string::npos) fail("a line has no end");
    std::string text = take(end - at_);
    take(1);
    return text;
  }

  // --- Values ---
  template <class T>
  void push(T data, int depth = 0) {
    if (depth > kDeepest) fail(cat("values lie more than ", kDeepest, " deep within each other"));
    if (++pushed_ > kMostValues) fail(cat("more than ", kMostValues, " values"));
    stack_.push_back(std::make_shared<Value>(Value{.data = std::move(data), .depth = depth}));
  }
  Shared pop() {
    if (stack_.empty() || (!marks_.empty() && stack_.size() <= marks_.back())) fail("a value is missing");
    Shared top = std::move(stack_.back());
    stack_.pop_back();
    return top;
  }
  List pop_to_mark() {
    if (marks_.empty()) fail("a mark is missing");
    List items(stack_.begin() + static_cast<ptrdiff_t>(marks_.back()), stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return items;
  }
  static int depth_around(const List& items) {
    int deepest = 0;
    for (const Shared& item : items) deepest = std::max(deepest, item->depth + 1);
    return deepest;
  }
  void push_sequence(List items) {
    const int depth = depth_around(items);
    push(Sequence{std::move(items)}, depth);
  }
  template <class T>
  const T& as(const Shared& value, const char* what) const {
    const T* const data = std::get_if<T>(&value->data);
    if (data == nullptr) fail(cat("expected ", what));
    return *data;
  }

  // The dictionary or list on top with more in it.  Values are shared with the memo, so a new one takes its place
  // there.
  void add_items(const List& items) {
    const Shared old = pop();
    Value value = *old;
    if (const auto* const dict = std::get_if<Dict>(&value.data)) work_ += dict->items.size();
    if (const auto* const list = std::get_if<Sequence>(&value.data)) work_ += list->items.size();
    work_ += memo_.size() + items.size();
    if (work_ > kMostWork) fail("its dictionaries grow in too many steps");
    value.depth = std::max(value.depth, depth_around(items));
    if (value.depth > kDeepest) fail(cat("values lie more than ", kDeepest, " deep within each other"));
    if (auto* const dict = std::get_if<Dict>(&value.data)) {
      if (items.size() % 2 != 0) fail("a key has no value");
      for (size_t i = 0; i < items.size(); i += 2) dict->items.emplace_back(items[i], items[i + 1]);
    } else if (auto* const list = std::get_if<Sequence>(&value.data)) {
      list->items.insert(list->items.end(), items.begin(), items.end());
    } else {
      fail("items for what is no dictionary and no list");
    }
    auto changed = std::make_shared<Value>(std::move(value));
    for (auto& [index, remembered] : memo_) {
      if (remembered == old) remembered = changed;
    }
    stack_.push_back(std::move(changed));
  }

  void step(uint8_t op) {
    switch (op) {
      case 0x80: {  // PROTO
        const uint8_t protocol = byte();
        if (protocol < 2 || protocol > 5) fail(cat("protocol ", int{protocol}, "; valid: 2 to 5"));
        return;
      }
      case 0x95:
        number(8);
        return;  // FRAME
      case '}':
        return push(Dict{});
      case ']':
      case ')':
        return push(Sequence{});
      case '(':
        return marks_.push_back(stack_.size());
      case 't':
      case 'l':
        return push_sequence(pop_to_mark());
      case 0x85:
      case 0x86:
      case 0x87: {  // TUPLE1, 2, 3
        List items(static_cast<size_t>(op) - 0x84);
        for (size_t i = items.size(); i-- > 0;) items[i] = pop();
        return push_sequence(std::move(items));
      }
      case 'X':
        return push(take(number(4)));
      case 0x8c:
        return push(take(number(1)));
      case 'K':
        return push(static_cast<int64_t>(number(1)));
      case 'M':
        return push(static_cast<int64_t>(number(2)));
      case 'J':
        return push(int64_t{static_cast<int32_t>(number(4))});
      case 0x8a:
        return push(long_number());
      case 'G':
        take(8);
        return push(0.0);  // a float, passed over
      case 'N':
        return push(None{});
      case 0x88:
        return push(true);
      case 0x89:
        return push(false);
      case 'q':
        return remember(number(1));
      case 'r':
        return remember(number(4));
      case 0x94:
        return remember(memo_.size());
      case 'h':
        return recall(number(1));
      case 'j':
        return recall(number(4));
      case 'c': {
        const std::string module = line();
        return push_global(cat(module, " ", line()));
      }
      case 0x93: {  // STACK_GLOBAL
        const Shared name = pop(), module = pop();
        return push_global(cat(as<std::string>(module, "a module"), " ", as<std::string>(name, "a name")));
      }
      case 'Q':
        return push_storage(pop());
      case 'R':
        return call();
      case 's': {
        const Shared value = pop(), key = pop();
        return add_items({key, value});
      }
      case 'u':
      case 'e':
        return add_items(pop_to_mark());
      case 'a':
        return add_items({pop()});
      case 'b': {  // BUILD: attributes of a dictionary, as state_dict()'s versions
        const Shared state = pop();
        as<Dict>(state, "attributes");
        as<Dict>(stack_.empty() ? state : stack_.back(), "a dictionary that gets attributes");
        return;
      }
      default:
        fail(cat("opcode ", int{op}, " is none of those that tensors need"));
    }
  }

  int64_t long_number() {
    const size_t width = number(1);
    if (width > 8) fail(cat("an integer of ", width, " bytes; at most 8"));
    const uint64_t value = number(width);
    const bool negative = width > 0 && (value >> (8 * width - 1)) != 0;
    return static_cast<int64_t>(negative && width < 8 ? value | (~uint64_t{0} << (8 * width)) : value);
  }

  void remember(uint64_t index) {
    if (stack_.empty()) fail("nothing to remember");
    memo_[index] = stack_.back();
  }
  void recall(uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail(cat("nothing was remembered as ", index));
    stack_.push_back(found->second);
    if (++pushed_ > kMostValues) fail(cat("more than ", kMostValues, " values"));
  }

  void push_global(const std::string& name) {
    if (!is_known(name))
      fail(cat("it names '", name,
               "', which Python would import and could call; only tensors and dictionaries are read, "
               "and nothing was executed"));
    push(Global{name});
  }

  // ("storage", type, key, device, elements)
  void push_storage(const Shared& id) {
    const List& parts = as<Sequence>(id, "the description of a storage").items;
    if (parts.size() < 5 || as<std::string>(parts[0], "the word 'storage'") != "storage")
      fail("expected ('storage', type, key, device, elements)");
    const auto type = storages().find(as<Global>(parts[1], "the type of a storage").name);
    if (type == storages().end()) fail("expected the type of a storage");
    push(Storage{.key = as<std::string>(parts[2], "the key of a storage"),
                 .dtype = type->second,
                 .elements = as<int64_t>(parts[4], "the size of a storage")});
  }

  void call() {
    const Shared arguments = pop(), function = pop();
    const List& given = as<Sequence>(arguments, "arguments").items;
    const std::string& name = as<Global>(function, "a name that is called").name;
    if (name == kDict && given.empty()) return push(Dict{});
    if (name == kParameter && !given.empty()) {
      stack_.push_back(given[0]);
      return;
    }
    if (name != kTensor || given.size() < 4) fail(cat("'", name, "' is called with ", given.size(), " arguments"));
    const Storage& storage = as<Storage>(given[0], "a storage");
    push(PickledTensor{.name = "",
                       .storage = storage.key,
                       .dtype = storage.dtype,
                       .storage_elements = storage.elements,
                       .offset = as<int64_t>(given[1], "the offset of a tensor"),
                       .shape = sizes(given[2]),
                       .stride = sizes(given[3])});
  }

  std::vector<int64_t> sizes(const Shared& value) const {
    std::vector<int64_t> result;
    for (const Shared& item : as<Sequence>(value, "sizes of a tensor").items)
      result.push_back(as<int64_t>(item, "a size of a tensor"));
    return result;
  }

  const std::string& bytes_;
  const std::string& place_;
  size_t at_ = 0, pushed_ = 0, work_ = 0;
  List stack_;
  std::vector<size_t> marks_;
  std::map<uint64_t, Shared> memo_;
};

void collect(const Value& value, const std::string& name, const std::string& place, std::vector<PickledTensor>& found) {
  if (const auto* const tensor = std::get_if<PickledTensor>(&value.data)) {
    found.push_back(*tensor);
    found.back().name = name;
  } else if (const auto* const dict = std::get_if<Dict>(&value.data)) {
    for (const auto& [key, item] : dict->items) {
      const auto* const text = std::get_if<std::string>(&key->data);
      if (text == nullptr) throw Error(cat(place, ": a key within '", name, "' is no text"));
      collect(*item, name.empty() ? *text : cat(name, ".", *text), place, found);
    }
  }
}

}  // namespace

std::vector<PickledTensor> read_torch_pickle(const std::string& bytes, const std::string& place) {
  const Shared root = Machine(bytes, place).run();
  if (!std::holds_alternative<Dict>(root->data)) throw Error(cat(place, ": its pickle is no dictionary of tensors"));
  std::vector<PickledTensor> found;
  collect(*root, "", place, found);
  return found;
}

}  // namespace specula
