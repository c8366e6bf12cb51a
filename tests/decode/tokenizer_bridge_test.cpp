// Draft models with another tokenizer: the map of shared tokens, the text that two tokenizers follow, and the two
// drafters on them.  The strongest test is a copy of the demo draft whose ids are shuffled: it must draft what the
// original drafts, number by number.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <set>

#include "drafters/draft_model.h"
#include "drafters/text_round_trip.h"
#include "drafters/vocabulary_intersection.h"
#include "framework/core/files.h"
#include "framework/model/checkpoint/safetensors.h"
#include "framework/model/load.h"
#include "framework/text/foreign_text.h"
#include "tests/decode/composition.h"
#include "tests/decode/toy_tokenizer.h"

namespace specula::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const fs::path kDemo = fs::path(SPECULA_SOURCE_DIR) / "assets/demo";

const Tokenizer& demo_tokenizer() {
  static const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(kDemo / "target");
  return *tokenizer;
}

// ---- a copy of the demo draft with other ids ----

Token shuffled(Token id) { return (id * 1237 + 11) % 4096; }  // one to one, as 1237 is odd

// The pieces are the fields number 1 of the message, one after the other.
std::string shuffled_pieces(const std::string& model) {
  const auto number = [&](size_t& at) {
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(model.at(at++));
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  };
  std::vector<std::string> pieces;
  std::string rest;
  for (size_t at = 0; at < model.size();) {
    const size_t begin = at;
    const uint64_t key = number(at);
    if ((key & 7) != 2) throw Error("a field of the tokenizer's model that this test does not know");
    const uint64_t length = number(at);
    at += length;
    if (key >> 3 == 1) {
      pieces.push_back(model.substr(begin, at - begin));
    } else {
      rest += model.substr(begin, at - begin);
    }
  }
  std::vector<std::string> moved(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) moved[static_cast<size_t>(shuffled(static_cast<Token>(i)))] = pieces[i];
  std::string all;
  for (const std::string& piece : moved) all += piece;
  return all + rest;
}

std::string shuffled_embedding(const fs::path& file) {
  std::string content = read_file(file);
  bool found = false;
  const SafetensorsFile tensors(file);
  for (const TensorEntry& entry : tensors.entries()) {
    if (entry.name != "model.embed_tokens.weight") continue;
    found = true;
    const std::string rows = content.substr(entry.begin, entry.end - entry.begin);
    const size_t size = rows.size() / 4096;
    for (Token id = 0; id < 4096; ++id)
      content.replace(entry.begin + static_cast<size_t>(shuffled(id)) * size, size, rows,
                      static_cast<size_t>(id) * size, size);
  }
  if (!found) throw Error("no embedding");
  return content;
}

class ShuffledDraft : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        fs::path(::testing::TempDir()) /
        cat("specula_shuffled_", ::testing::UnitTest::GetInstance()->current_test_info()->name(), "_", ::getpid());
    fs::create_directories(folder_);
    for (const char* name : {"config.json", "tokenizer_config.json"})
      fs::copy_file(kDemo / "draft" / name, folder_ / name, fs::copy_options::overwrite_existing);
    write_file_atomically(folder_ / "tokenizer.model", shuffled_pieces(read_file(kDemo / "draft/tokenizer.model")));
    write_file_atomically(folder_ / "model.safetensors", shuffled_embedding(kDemo / "draft/model.safetensors"));
    tokenizer_ = load_tokenizer(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  fs::path folder_;
  std::unique_ptr<Tokenizer> tokenizer_;
};

struct Models {
  std::unique_ptr<LoadedModel> target = load_model(kDemo / "target", {.dtype = Dtype::kBfloat16});
  std::unique_ptr<LoadedModel> draft = load_model(kDemo / "draft", {.dtype = Dtype::kBfloat16});
};

// Decodes the demo prompts and writes down every round.
struct Played {
  std::vector<Prefix> texts;
  std::vector<std::string> rounds;
  int drafted = 0, accepted = 0;
};

struct RoundsLog final : RoundLog {
  explicit RoundsLog(Played& to) : played(to) {}
  Played& played;
  void round(const RoundRecord& r, const PhaseClock& /*clock*/) override {
    std::string line = cat(r.sequence, ":", r.index, ":", r.accepted, ":");
    for (const Token token : r.tree.token) line += cat(token, " ");
    played.rounds.push_back(line);
    played.drafted += r.drafted;
    played.accepted += r.accepted;
  }
};

struct Setting {
  std::string drafter, verifier, samplers;
};

Played play(const Setting& setting, const LanguageModel& target, const LanguageModel& draft, const Tokenizer& own) {
  const Parts parts{
      .model = [&](const std::string&) -> const LanguageModel& { return draft; },
      .vocab = target.vocab(),
      .tokenizer = [&](const std::string& name) -> const Tokenizer& { return name.empty() ? demo_tokenizer() : own; }};
  const Params d = call_of(setting.drafter), v = call_of(setting.verifier);
  const auto& rule = all_registries().verifiers.at(plugin_name(v), "test");
  const auto drafter = all_registries().drafters.at(plugin_name(d), "test").make(d, parts);
  const auto verifier = rule.make(v, parts);
  const Facts facts = rule.facts(v, Policy::kSampled);
  const Sampler sampler = make_sampler(all_registries(), parse_samplers(setting.samplers, "test"));
  Played played;
  RoundsLog log(played);
  std::vector<Prefix> prompts;
  for (const char* text : {"Once upon a time there was a little girl", "def add(a, b):\n    return", "Größe: 12 € –"})
    prompts.push_back(demo_tokenizer().encode(text, Tokenizer::Special::kWith));
  const auto decoded = decode({.target = target,
                               .drafter = *drafter,
                               .verifier = *verifier,
                               .policy = facts.policy,
                               .q_next = facts.q_next,
                               .sampler = sampler,
                               .keys = Keyring(4),
                               .max_new_tokens = 32,
                               .log = &log,
                               .check_trees = true},
                              prompts, kRequests);
  for (const Decoded& text : decoded) played.texts.push_back(text.tokens);
  return played;
}

TEST_F(ShuffledDraft, SharesEveryTokenAndReadsTextsAlike) {
  const VocabularyMap map(*tokenizer_, demo_tokenizer());
  EXPECT_EQ(map.shared(), 4096);
  for (Token id = 0; id < 4096; ++id) {
    ASSERT_EQ(map.target_of(shuffled(id)), id);
    ASSERT_EQ(map.draft_of(id), shuffled(id));
  }
  std::vector<Token> ids = demo_tokenizer().encode("Größe: 12 € –\n  x", Tokenizer::Special::kWith);
  for (Token& id : ids) id = shuffled(id);
  EXPECT_EQ(tokenizer_->encode("Größe: 12 € –\n  x", Tokenizer::Special::kWith), ids);
}

// The same rounds, drafted token by drafted token, as a draft model with the target's own ids.
TEST_F(ShuffledDraft, DraftsWhatTheOriginalDrafts) {
  const Models models;
  const auto other = load_model(folder_, {.dtype = Dtype::kBfloat16});
  for (const auto& [rule, samplers] : std::vector<std::pair<std::string, std::string>>{
           {"rejection", "temperature(1)"},
           {"block", "temperature(0.7),top_p(0.9)"},
           {"gumbel_coupled", "temperature(0.8)"},
           {"rejection", "repetition_penalty(1.2),temperature(1),top_k(20)"},
           {"greedy_match", "temperature(0)"}}) {
    const Played original = play({"draft_model", rule, samplers}, *models.target, *models.draft, demo_tokenizer());
    const Played foreign = play({"vocabulary_intersection", rule, samplers}, *models.target, *other, *tokenizer_);
    EXPECT_EQ(foreign.texts, original.texts) << rule;
    EXPECT_EQ(foreign.rounds, original.rounds) << rule;
    EXPECT_GT(original.accepted, 10) << rule;
  }
}

TEST_F(ShuffledDraft, SpeaksToTheTargetInText) {
  const Models models;
  const auto other = load_model(folder_, {.dtype = Dtype::kBfloat16});
  const Setting greedy{"text_round_trip", "greedy_match", "temperature(0)"};
  const Played foreign = play(greedy, *models.target, *other, *tokenizer_);
  const Played same = play(greedy, *models.target, *models.draft, demo_tokenizer());
  EXPECT_EQ(foreign.rounds, same.rounds) << "other ids, the same text";
  EXPECT_EQ(foreign.texts,
            play({"none", "greedy_match", "temperature(0)"}, *models.target, *models.draft, demo_tokenizer()).texts);
  const Played direct =
      play({"draft_model", "greedy_match", "temperature(0)"}, *models.target, *models.draft, demo_tokenizer());
  EXPECT_GT(foreign.accepted, 0.8 * direct.accepted) << "most texts are read as they were written";
}

// ---- shared tokens ----

TEST(VocabularyMap, IsOneToOneOverTheSameBytes) {
  const VocabularyMap map(other_toy_tokenizer(5), toy_tokenizer(5));  // d c b a ab | a b c d e
  EXPECT_THAT(std::vector<Token>(map.targets().begin(), map.targets().end()), ElementsAre(3, 2, 1, 0, -1));
  EXPECT_EQ(map.shared(), 4);
  EXPECT_EQ(map.draft_of(0), 3);
  EXPECT_EQ(map.draft_of(4), -1) << "'e'";
  EXPECT_EQ(map.draft_of(7), -1) << "padding of a model";
}

// Letters and the bytes that spell them are two pieces each; a tokenizer shares all of its own with itself.
TEST(VocabularyMap, TellsAPieceFromTheByteThatSpellsIt) {
  const VocabularyMap map(demo_tokenizer(), demo_tokenizer());
  EXPECT_EQ(map.shared(), 4096);
  for (Token id = 0; id < 4096; ++id) ASSERT_EQ(map.target_of(id), id) << demo_tokenizer().piece(id);
}

TEST(VocabularyMap, NothingSharedIsRefused) {
  const Bench bench({"none", "rejection"}, "temperature(1)");
  class Digits final : public Tokenizer {
   public:
    int64_t vocab() const override { return 2; }
    Token bos() const override { return -1; }
    Token eos() const override { return -1; }
    std::vector<Token> encode(const std::string&, Special) const override { return {}; }
    std::string decode(const std::vector<Token>&) const override { return ""; }
    std::string piece_bytes(Token id) const override { return std::to_string(id); }
    std::string piece(Token id) const override { return piece_bytes(id); }
    std::string chat_template() const override { return ""; }
    const std::string& fingerprint() const override { return none_; }

   private:
    std::string none_;
  } const digits;
  const Parts parts{.model = [&](const std::string&) -> const LanguageModel& { return bench.draft; },
                    .vocab = 7,
                    .tokenizer = [&](const std::string& name) -> const Tokenizer& {
                      return name.empty() ? toy_tokenizer(7) : digits;
                    }};
  try {
    vocabulary_intersection().make(call_of("vocabulary_intersection(model=other)"), parts);
    FAIL() << "nothing is shared";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("the model 'other' shares no token"));
  }
}

// ---- following a text ----

TEST(EncodeContinuation, PutsNoSpaceBeforeAText) {
  const Tokenizer& t = demo_tokenizer();
  for (const char* text : {"ing the", " the cat", "\n\nx", "€", ". A", "12", "a"}) {
    EXPECT_EQ(bytes_of(t, encode_continuation(t, text)), text);
    std::vector<Token> whole = t.encode("Once upon", Tokenizer::Special::kWithout);
    for (const Token id : encode_continuation(t, text)) whole.push_back(id);
    EXPECT_EQ(t.decode(whole), cat("Once upon", text));
  }
  EXPECT_THAT(encode_continuation(t, ""), IsEmpty());
}

TEST(Unfinished, CountsTheBytesOfAHalfCharacter) {
  EXPECT_EQ(unfinished(""), 0U);
  EXPECT_EQ(unfinished("a"), 0U);
  EXPECT_EQ(unfinished("a\xE2"), 1U);
  EXPECT_EQ(unfinished("a\xE2\x82"), 2U);
  EXPECT_EQ(unfinished("a\xE2\x82\xAC"), 0U);
  EXPECT_EQ(unfinished("\xF0\x9F\x98"), 3U);
  EXPECT_EQ(unfinished("\xC3"), 1U);
  EXPECT_EQ(unfinished("\x82\x82\x82\x82"), 0U) << "no beginning of a character";
}

TEST(EndOf, MovesInStepsOfHalfAContext) {
  const auto text = [](int size) {
    Prefix ids;
    for (int i = 0; i < size; ++i) ids.push_back(i);
    return ids;
  };
  EXPECT_EQ(end_of(text(8), 10, 2), text(8));
  EXPECT_EQ(end_of(text(9), 10, 2).front(), 4);
  EXPECT_EQ(end_of(text(12), 10, 2).front(), 4);
  EXPECT_EQ(end_of(text(13), 10, 2).front(), 8);
  EXPECT_EQ(end_of(text(3), 1, 5).size(), 1U);
  EXPECT_THAT(end_of({}, 10, 2), IsEmpty());
}

// However a text grows, what the other tokenizer has read spells it.
TEST(ForeignText, SpellsTheTextHoweverItGrows) {
  const Tokenizer &from = demo_tokenizer(), &to = demo_tokenizer();
  const VocabularyMap map(to, from);
  const std::string text = "Once upon a time, 12 €: größer\n    return 日本語 x";
  const Prefix ids = from.encode(text, Tokenizer::Special::kWith);
  for (const auto shared : {ForeignText::Shared::kKeep, ForeignText::Shared::kReadAnew}) {
    for (const int look_behind : {0, 1, 3, 50}) {
      for (const size_t step : {1U, 2U, 5U}) {
        ForeignText follower(from, to, map, look_behind, shared);
        for (size_t size = 1; size < ids.size() + step; size += step) {
          const Prefix now(ids.begin(), ids.begin() + static_cast<int64_t>(std::min(size, ids.size())));
          const std::vector<Token>& read = follower.follow(now);
          ASSERT_EQ(read.front(), to.bos());
          std::string expected = from.decode(now);
          if (!follower.is_whole()) continue;
          EXPECT_EQ(to.decode(read), expected);
        }
        EXPECT_TRUE(follower.is_whole());
        const std::vector<Token>& read = follower.follow(ids);
        EXPECT_EQ(to.decode(read), text);
        EXPECT_TRUE(look_behind < 50 || read == ids) << "read as a whole";
      }
    }
  }
}

TEST(ForeignText, TakesOverSharedTokensAndReadsTheOthersAnew) {
  const Tokenizer &from = toy_tokenizer(5), &to = other_toy_tokenizer(5);  // d c b a ab
  const VocabularyMap map(to, from);
  ForeignText keeps(from, to, map, 3, ForeignText::Shared::kKeep),
      anew(from, to, map, 3, ForeignText::Shared::kReadAnew);
  EXPECT_THAT(keeps.follow({0, 1, 2}), ElementsAre(4, 1)) << "the first text is read as a whole: ab c";
  EXPECT_THAT(keeps.follow({0, 1, 2, 0, 1}), ElementsAre(4, 1, 3, 2)) << "a and b are shared";
  EXPECT_THAT(anew.follow({0, 1, 2}), ElementsAre(4, 1));
  EXPECT_THAT(anew.follow({0, 1, 2, 0}), ElementsAre(4, 1, 3));
  EXPECT_THAT(anew.follow({0, 1, 2, 0, 1}), ElementsAre(4, 1, 4)) << "a merges with the b behind it";
  EXPECT_THAT(anew.follow({1}), ElementsAre(2)) << "another text";
  EXPECT_THAT(anew.follow({1, 4, 1}), ElementsAre(2, 2)) << "what it cannot spell it leaves out";
  EXPECT_THAT(anew.follow({1, 4, 1, 0, 1}), ElementsAre(2, 2, 4));
}

TEST(ForeignText, LeavesWhatStandsFurtherBackAsItIs) {
  const Tokenizer &from = toy_tokenizer(5), &to = other_toy_tokenizer(5);
  const VocabularyMap map(to, from);
  ForeignText near(from, to, map, 0, ForeignText::Shared::kReadAnew);
  near.follow({2, 0});
  EXPECT_THAT(near.follow({2, 0, 1}), ElementsAre(1, 3, 2)) << "no looking behind: no merge";
}

// ---- the drafters ----

// q of the first row is the draft's distribution over the shared tokens alone.
TEST(VocabularyIntersection, DraftsFromTheDraftRestrictedToSharedTokens) {
  const HashModel target({.seed = 5, .vocab = 5}), draft({.seed = 6, .vocab = 5});
  struct First final : RoundLog {
    DraftTree tree;
    void round(const RoundRecord& r, const PhaseClock& /*clock*/) override {
      if (r.index == 0) tree = r.tree;
    }
  } log;
  const Bench bench({"vocabulary_intersection", "rejection"}, "temperature(0.7)", {.target = &target, .draft = &draft});
  Session s = bench.session(10);
  s.log = &log;
  decode(s, {{2, 0, 1}}, std::vector<int64_t>{1});
  const std::vector<float> logits = draft.logits({1, 4});  // c ab, in the draft's ids
  double total = 0;
  for (int id = 0; id < 4; ++id) total += std::exp(logits[static_cast<size_t>(id)] / 0.7);
  const float* q = log.tree.q.const_data_ptr<float>();
  const Token target_of[] = {3, 2, 1, 0};
  for (int id = 0; id < 4; ++id)
    EXPECT_NEAR(q[target_of[id]], std::exp(logits[static_cast<size_t>(id)] / 0.7) / total, 1e-6);
  EXPECT_EQ(q[4], 0.0F) << "'e' is not the draft's";
}

TEST(VocabularyIntersection, NanFromTheDraftIsRefused) {
  class Broken final : public LanguageModel {
   public:
    int64_t vocab() const override { return 7; }
    int64_t context() const override { return 100; }
    int64_t layers() const override { return 4; }
    std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
      return sound_.new_cache(batch, reserve);
    }
    Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
      Pass pass = sound_.forward(rows, cache, ask);
      if (pass.logits.defined()) std::fill_n(pass.logits.mutable_data_ptr<float>(), pass.logits.numel(), std::nanf(""));
      return pass;
    }

   private:
    HashModel sound_{{.vocab = 7}};
  } const broken;
  for (const char* drafter : {"vocabulary_intersection", "text_round_trip"})
    EXPECT_THROW(Bench({drafter, "agreement"}, "temperature(1)", {.draft = &broken}).run(kPrompts, kRequests, 5),
                 NumericError)
        << drafter;
}

// A model whose most likely next token is given by the last one.
class Successor final : public LanguageModel {
 public:
  explicit Successor(std::vector<Token> next)
      : next_(std::move(next)), hash_({.vocab = static_cast<int64_t>(next_.size()), .order = 1}) {}
  int64_t vocab() const override { return hash_.vocab(); }
  int64_t context() const override { return 100; }
  int64_t layers() const override { return 4; }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return hash_.new_cache(batch, reserve);
  }
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    Pass pass = hash_.forward(rows, cache, ask);
    if (!pass.logits.defined()) return pass;
    const int64_t width = rows.token.size(1), answers = pass.logits.size(1);
    for (int64_t b = 0; b < pass.logits.size(0); ++b) {
      const int64_t* token = rows.token.const_data_ptr<int64_t>() + b * width;
      int64_t last = width - 1;
      while (last > 0 && token[last] < 0) --last;
      for (int64_t row = 0; row < answers; ++row) {
        const int64_t of = answers == 1 ? token[last] : token[row];
        if (of >= 0)
          pass.logits.mutable_data_ptr<float>()[(b * answers + row) * vocab() + next_[static_cast<size_t>(of)]] = 50;
      }
    }
    return pass;
  }

 private:
  std::vector<Token> next_;
  HashModel hash_;
};

// First round's draft of text_round_trip, for a target that reads `targets` and a draft model that reads `own`.
std::vector<Token> first_draft(const std::string& call, const Tokenizer& targets, const Tokenizer& own,
                               const LanguageModel& draft, const Prefix& prompt) {
  const HashModel target({.vocab = targets.vocab()});
  const Parts parts{
      .model = [&](const std::string&) -> const LanguageModel& { return draft; },
      .vocab = targets.vocab(),
      .tokenizer = [&](const std::string& name) -> const Tokenizer& { return name.empty() ? targets : own; }};
  const auto drafter = text_round_trip().make(call_of(call), parts);
  const Bench bench({"none", "greedy_match"}, "temperature(0)");
  struct First final : RoundLog {
    std::vector<Token> tokens;
    void round(const RoundRecord& r, const PhaseClock& /*clock*/) override {
      if (r.index == 0) tokens = {r.tree.token.begin() + 1, r.tree.token.end()};
    }
  } log;
  decode({.target = target,
          .drafter = *drafter,
          .verifier = *bench.verifier,
          .policy = Policy::kGreedy,
          .sampler = bench.sampler,
          .keys = Keyring(1),
          .max_new_tokens = 20,
          .log = &log,
          .check_trees = true},
         {prompt}, std::vector<int64_t>{1});
  return log.tokens;
}

// Ids of the other toy tokenizer of 5: d c b a ab.
TEST(TextRoundTrip, ReadsWhatTheDraftWroteWithTheTargetsTokenizer) {
  const Successor own({1, 4, 0, 2, 1});  // d: c, c: ab, b: d, a: b, ab: c
  EXPECT_THAT(first_draft("text_round_trip(length=3)", toy_tokenizer(5), other_toy_tokenizer(5), own, {2, 2}),
              ElementsAre(0, 1, 2, 0, 1))
      << "ab c ab";
}

// The target has "ab" as one token; a text that ends in a, and a draft that begins with b, would merge.
TEST(TextRoundTrip, AMergeAcrossTheBorderDropsTheDraft) {
  const Successor b_after_a({1, 0, 3, 2, 0});  // a: b, b: a, c: d, d: c
  const Tokenizer &targets = other_toy_tokenizer(5), &own = toy_tokenizer(5);
  EXPECT_THAT(first_draft("text_round_trip(length=4)", targets, own, b_after_a, {2, 3}), IsEmpty()) << "b a | b a b a";
  EXPECT_THAT(first_draft("text_round_trip(length=4)", targets, own, b_after_a, {3, 2}), ElementsAre(4, 4))
      << "a b | a b a b: the committed a, b stay two tokens";
  EXPECT_THAT(first_draft("text_round_trip(length=4,target_look_behind=0)", targets, own, b_after_a, {2, 3}),
              ElementsAre(2, 4, 3))
      << "unseen: b ab a";
}

}  // namespace
}  // namespace specula::testing
