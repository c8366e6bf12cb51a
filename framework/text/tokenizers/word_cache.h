// The ids of words that were seen before.  Each word has one place, where the last one stays.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "framework/text/tokenizers/models.h"

namespace specula {

class WordCache {
 public:
  void encode(const WordModel& model, std::string_view word, std::vector<Token>& ids) {
    if (word.size() > kLongest) return model.encode(word, ids);
    if (slots_.empty()) slots_.resize(kSlots);
    Slot& slot = slots_[std::hash<std::string_view>()(word) % kSlots];
    if (slot.word != word) {
      slot.word.clear();  // it stays so where the model throws
      slot.ids.clear();
      model.encode(word, slot.ids);
      slot.word = word;
    }
    ids.insert(ids.end(), slot.ids.begin(), slot.ids.end());
  }

 private:
  static constexpr size_t kLongest = 64;  // bytes; longer words seldom return
  static constexpr size_t kSlots = size_t{1} << 16;
  struct Slot {
    std::string word;  // "": free
    std::vector<Token> ids;
  };
  std::vector<Slot> slots_;
};

}  // namespace specula
