#include "tests/decode/toy_trace.h"

#include <fstream>

#include "framework/core/error.h"
#include "framework/decode/trace_reader.h"
#include "tests/decode/toy_corpus.h"

namespace specula::testing {
namespace {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void put_text(std::string& out, const std::string& text) {
  put(out, static_cast<uint32_t>(text.size()));
  out += text;
}

template <class T>
void put_all(std::string& out, const std::vector<T>& values) {
  for (const T value : values) put(out, value);
}

std::string framed(const std::string& payload) {
  std::string out;
  put(out, static_cast<uint64_t>(payload.size()));
  put(out, trace_format::checksum(payload.data(), payload.size()));
  return out + payload;
}

std::string header(int64_t vocab) {
  std::string out;
  put(out, vocab);
  for (const int flag : {0, 1, 0}) put(out, static_cast<uint8_t>(flag));  // one-hot, trees, q_next
  put(out, uint32_t{0});                                                  // laws
  for (const char* text : {"toy", "random_tree", "rejection", "temperature(1)"}) put_text(out, text);
  return out;
}

std::string turn_of(const ToyRound& round, int64_t vocab) {
  std::string out;
  put_text(out, "toy");
  put_text(out, "prompt");
  put(out, int32_t{0});
  put(out, int32_t{0});
  put_text(out, "group");
  put_text(out, "category");
  put(out, round.request);
  put(out, round.start);
  put(out, uint32_t{1});
  put(out, round.start);
  put(out, static_cast<uint32_t>(round.tree.size()));
  put(out, uint32_t{0});
  put_all(out, round.tree.token);
  put_all(out, round.tree.parent);
  put_all(out, round.tree.q_row);
  put_all(out, round.tree.q_next);
  for (const Draw draw : round.tree.draw) put(out, static_cast<uint8_t>(draw));
  for (int row = 0; row < round.tree.size(); ++row) {
    put(out, trace_format::kDense);
    put_all(out, std::vector<float>(static_cast<size_t>(vocab), 1 / static_cast<float>(vocab)));
  }
  return out;
}

}  // namespace

std::string trace_of(const std::vector<ToyRound>& rounds, int64_t vocab, const std::string& name) {
  const std::string path = toy_folder() + "/" + name;
  std::ofstream file(path, std::ios::binary);
  file << trace_format::kMagic << framed(header(vocab));
  for (const ToyRound& round : rounds) file << framed(turn_of(round, vocab));
  return path;
}

std::string toy_trace() {
  static const std::string path = [] {
    std::vector<ToyRound> rounds;
    for (const int64_t request : {7, 101, 102, 103}) {
      for (int64_t start = 1; start < 60; ++start) {
        DraftTree tree = DraftTree::root_only(static_cast<Token>(start % 2));
        tree.add(static_cast<Token>(start % 3 == 0), 0, Draw::kPoint);
        tree.add(static_cast<Token>(start % 3 != 0), 0, Draw::kPoint);
        tree.add(0, 1, Draw::kPoint);
        rounds.push_back({request, start, tree});
      }
    }
    // kRepeating, of four tokens, ends with 1.
    for (ToyRound& round : rounds) {
      if (round.start == 4) round.tree.token[0] = 1;
    }
    return trace_of(rounds, 2, "toy.trace");
  }();
  return path;
}

}  // namespace specula::testing
