// The strings of at most `depth` tokens of some texts with how often each occurred, one tree: Weiner 1973, written
// online as by Ukkonen 1995, with counts and a depth limit as in SuffixDecoding (Oliaro et al. 2024).  Edges are pieces
// of the texts, so there are at most two nodes a token (about 140 bytes with the map of children), also where long
// passages repeat.  Suffixes leave in the order they came; what is left is the tree that had never seen them.
//
// A *cursor* stands where a suffix of the text being written occurred before; every suffix shorter than one with a
// cursor has one too.  A suffix that occurred nowhere is a leaf, which grows with the text at no cost.  So a token
// costs as many steps as the text's longest repeated suffix is long, `depth` at most.  Licence: Apache-2.0.
#pragma once

#include <span>
#include <vector>

#include "framework/core/token.h"
#include "framework/lookup/flat_map.h"

namespace specula {

class SuffixTree {
 public:
  static constexpr int32_t kRoot = 0, kNone = -1;
  static constexpr Token kEnd = -1;     // what stands in the tree where a text ended
  static constexpr int kCompared = 64;  // children, the latest first, among which the most frequent is looked for

  // `offset` tokens of the label of the edge that leads to `node` are behind; its whole label: at the node.
  struct Place {
    int32_t node = kRoot;
    int32_t offset = 0;
  };
  struct Child {
    int32_t node;
    Token token;   // the first of its label; kEnd: a text ended here
    double share;  // of the suffixes that went on from the parent
  };

  explicit SuffixTree(int depth);

  void append(Token token);  // to the text that is being written
  void end_text();           // the next token begins another
  // Drops the oldest suffix; true if its text has none left.  Of a text that is being written at least `depth` tokens
  // stay: std::logic_error otherwise.
  bool forget_suffix();

  int depth() const { return depth_; }
  int64_t suffixes() const { return end() - oldest_; }  // each ended text counts as one more
  int64_t nodes() const { return static_cast<int64_t>(nodes_.size() - free_.size()); }
  int64_t version() const { return version_; }  // places of others than the tree itself last as long as it

  // Where the suffixes of the text being written occurred before, the longest first; the last is of one token.
  std::span<const Place> cursors() const { return cursors_; }
  // Goes on by a token; false and no change where no text went on so.
  bool step(Place& place, Token token) const;
  // The tokens that must follow, up to the next node, the end of a text or of what is written.
  std::span<const Token> run(const Place& place) const;
  // What followed at the end of run(): at most `most` children, those visited last first.
  void latest(int32_t node, int most, std::vector<Child>& found) const;
  // The most frequent of the kCompared latest, the latest of equals; node kNone if there is none.
  Child most_frequent(int32_t node) const;

 private:
  struct Node {
    int64_t start = 0;   // of the label among all tokens ever appended
    int32_t length = 0;  // of the label; a leaf's is what the depth allows, and may go beyond its text
    int32_t count = 0;   // suffixes that passed the label's first token
    int32_t passed = 0;  // suffixes that went on to a child: the sum of the children's counts
    int32_t parent = kNone, child = kNone, next = kNone, previous = kNone;  // children: visited last first
    int32_t best = kNone;                                                   // child of the greatest count
    Token first = kEnd;
  };

  int64_t end() const { return base_ + static_cast<int64_t>(text_.size()); }
  Token token_at(int64_t position) const { return text_[static_cast<size_t>(position - base_)]; }
  Node& at(int32_t id) { return nodes_[static_cast<size_t>(id)]; }
  const Node& at(int32_t id) const { return nodes_[static_cast<size_t>(id)]; }
  static uint64_t key_of(int32_t parent, Token first) {
    return static_cast<uint64_t>(static_cast<uint32_t>(parent)) << 32 | static_cast<uint32_t>(first);
  }
  int32_t child_of(int32_t node, Token first) const;

  bool advance(Place& cursor, Token token);
  void enter(int32_t child);
  void diverge(const Place& cursor, int32_t length);
  int32_t split(const Place& cursor);
  int32_t new_node(const Node& node);
  void link(int32_t child);
  void unlink(int32_t child);
  void put_in_place_of(int32_t node, int32_t old);
  void remove_edge(int32_t node);
  bool merge_with_only_child(int32_t node);
  void retire_cursor(int32_t node, int32_t depth_above);
  int32_t frequent_child(int32_t node) const;
  void drop_old_text();

  int depth_;
  std::vector<Token> text_;  // of all texts, kEnd between them
  int64_t base_ = 0;         // position of text_[0]
  int64_t oldest_ = 0;       // the first suffix that is held
  int64_t text_start_ = 0;   // of the text that is being written
  int64_t version_ = 0;
  std::vector<Node> nodes_;
  std::vector<int32_t> free_;
  std::vector<Place> cursors_;
  FlatMap<int32_t> children_;  // (parent, first token) -> node
};

}  // namespace specula
