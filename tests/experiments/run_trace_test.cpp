// `specula trace RUN PROMPT`: what became of drafted tokens, as text, JSON and a page.
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "config_fixture.h"
#include "experiments/replay/replay_rules.h"
#include "experiments/run/trace_file.h"
#include "experiments/trace/rounds_views.h"
#include "framework/core/files.h"
#include "framework/decode/round_law.h"
#include "tests/experiments/quiet_log.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// --- Fates, given a tree and what joined the text ---

constexpr int64_t kVocab = 16;

TracedRound round_of(DraftTree tree) {
  const int64_t rows = tree.size();
  Tensor p = at::full({rows, kVocab}, 1.0 / kVocab, at::kFloat);
  for (int64_t i = 0; i < rows; ++i)
    p.mutable_data_ptr<float>()[i * kVocab + 7] = 0.25F + 0.01F * static_cast<float>(i);
  return {.start = 5, .tree = std::move(tree), .p = p};
}

std::map<int, Fate> fates(const TracedRound& round, const std::vector<Token>& text, int accepted) {
  std::map<int, Fate> found;
  for (const FatedRow& row : fates_of(round, text, accepted).rows) found[row.row] = row.fate;
  return found;
}

constexpr Fate kA = Fate::kAccepted, kR = Fate::kRejected, kD = Fate::kDropped, kC = Fate::kCut;
using Rows = std::map<int, Fate>;

TEST(Fates, OfAChain) {
  const TracedRound chain = round_of(DraftTree::chain_of_points(3, {4, 5, 6, 7}));
  EXPECT_EQ(fates(chain, {4, 5, 9}, 2), (Rows{{1, kA}, {2, kA}, {3, kR}, {4, kD}}));
  EXPECT_EQ(fates(chain, {9}, 0), (Rows{{1, kR}, {2, kD}, {3, kD}, {4, kD}}));
  EXPECT_EQ(fates(chain, {4, 5, 6, 7, 9}, 4), (Rows{{1, kA}, {2, kA}, {3, kA}, {4, kA}}));
  EXPECT_EQ(fates(chain, {4, 5}, 3), (Rows{{1, kA}, {2, kA}, {3, kC}, {4, kR}})) << "cut behind the second";
}

TEST(Fates, OfATree) {
  DraftTree tree = DraftTree::root_only(3);
  tree.add(4, 0, Draw::kPoint);  // 1
  tree.add(5, 0, Draw::kPoint);  // 2
  tree.add(6, 0, Draw::kPoint);  // 3
  tree.add(7, 1, Draw::kPoint);  // 4: below one that was refused
  tree.add(8, 2, Draw::kPoint);  // 5
  tree.add(9, 2, Draw::kPoint);  // 6
  const TracedRound round = round_of(tree);
  EXPECT_EQ(fates(round, {5, 1}, 1), (Rows{{1, kR}, {2, kA}, {3, kD}, {4, kD}, {5, kR}, {6, kR}}));
  EXPECT_EQ(fates(round, {5, 9, 1}, 2), (Rows{{1, kR}, {2, kA}, {3, kD}, {4, kD}, {5, kR}, {6, kA}}));
  EXPECT_EQ(fates(round, {5}, 2), (Rows{{1, kR}, {2, kA}, {3, kD}, {4, kD}, {5, kD}, {6, kD}}))
      << "cut: nobody knows which of the two it was";
  const RoundFates told = fates_of(round, {5, 9, 7}, 2);
  EXPECT_EQ(told.rows.front().depth, 1);
  EXPECT_EQ(told.rows.back().depth, 2);
  EXPECT_FLOAT_EQ(static_cast<float>(*told.p), 0.25F + 0.06F) << "after the last accepted row";
  EXPECT_FALSE(told.q.has_value());
}

TEST(Fates, EqualSiblingsTheWayThatGoesOn) {
  DraftTree tree = DraftTree::root_only(3);
  tree.add(4, 0, Draw::kIid, 0);
  tree.add(4, 0, Draw::kIid, 0);
  tree.add(5, 2, Draw::kPoint);
  tree.q = at::zeros({1, kVocab}, at::kFloat);
  tree.q.mutable_data_ptr<float>()[4] = 1;
  const TracedRound round = round_of(tree);
  EXPECT_EQ(fates(round, {4, 5, 6}, 2), (Rows{{1, kR}, {2, kA}, {3, kA}}));
  EXPECT_EQ(fates(round, {4, 6}, 1), (Rows{{1, kA}, {2, kD}, {3, kD}}));
  EXPECT_EQ(fates_of(round, {4, 6}, 1).rows.front().q, 1.0);
}

TEST(Fates, ProbesAreNoDrafts) {
  DraftTree tree = DraftTree::root_only(3);
  tree.add(4, 0, Draw::kPoint);
  tree.add(6, 0, Draw::kProbe);
  EXPECT_EQ(fates(round_of(tree), {9}, 0), (Rows{{1, kR}}));
}

TEST(Fates, AContradictionIsNamed) {
  const TracedRound chain = round_of(DraftTree::chain_of_points(3, {4, 5}));
  EXPECT_THROW(fates_of(chain, {4, 9, 1}, 2), Error);
  EXPECT_THROW(fates_of(chain, {4, 5, 6, 7}, 3), Error);
}

// --- Runs of the demo pair ---

class RunTrace : public ConfigFolder {
 protected:
  QuietLog quiet_;

  void run(const std::string& record) {
    const std::string demo = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/";
    const std::string config = write(
        "study.toml",
        cat("[experiment]\nname = \"t\"\nseed = 5\n[models.target]\npath = \"", demo,
            "target\"\n[models.draft]\npath = \"", demo, "draft\"\n[data]\nprompts = \"", demo,
            "prompts.jsonl\"\nmax_new_tokens = 24\nlimit = 3\n[sampler]\ntemperature = 1\n[measure]\ntrace = false\n"
            "bootstrap = 100\nwarmup_prompts = 1\n[output]\nrecord = \"",
            record, "\"\n[[arm]]\nname = \"ar\"\ndrafter = \"none\"\nbaseline = true\n",
            "[[arm]]\nname = \"chain\"\ndrafter = { name = \"draft_model\", length = 4, draw = \"sample\" }\n",
            "verifier = \"rejection\"\n[[arm]]\nname = \"tree\"\ndrafter = { name = \"draft_model\", tree = "
            "\"iid(3x2x1)\" }\nverifier = \"rejection\"\n"));
    ::testing::internal::CaptureStdout();
    const ExitCode code = run_command({.config = config, .overrides = {.out = path("runs"), .threads = 1}});
    ::testing::internal::GetCapturedStdout();
    ASSERT_EQ(code, ExitCode::kOk);
    for (const auto& entry : fs::directory_iterator(folder_ / "runs/t")) run_ = entry.path().string();
    prompt_ = read_records(run_).records.front().key.prompt;
  }
  PromptRounds read(const std::string& arm = "") const {
    return read_rounds({.run = run_, .prompt = prompt_, .arm = arm});
  }

  std::string run_, prompt_;
};

// The rule, played again with the run's own numbers, says which rows it takes.
TEST_F(RunTrace, AcceptedRowsAreThoseThatTheRuleTakes) {
  run("distributions");
  const Registries registries = make_registries();
  for (const std::string arm : {"chain", "tree"}) {
    const PromptRounds shown = read(arm);
    ASSERT_EQ(shown.arms.size(), 1u);
    const ArmRounds& rounds = shown.arms.front();
    ASSERT_TRUE(rounds.is_recorded);
    TraceReader reader(trace_path(run_, arm));
    const ReplayRules rules = rules_for(reader.header(), "rejection", registries.verifiers);
    auto turn = reader.next();
    while (turn && turn->blank.key != rounds.record.key) turn = reader.next();
    ASSERT_TRUE(turn.has_value());
    const Keyring keys(shown.run.seed);
    TracedRound traced;
    std::vector<Token> text;
    int rejected = 0;
    for (const RunRound& round : rounds.rounds) {
      ASSERT_TRUE(turn->next(traced));
      KeyedChance chance(keys, turn->blank.request, traced.start);
      const Verdict verdict = rules.rules.front().rule->verify(traced.tree, {.p = traced.p, .chance = chance});
      std::vector<int> accepted;
      for (const FatedRow& row : round.fates->rows) {
        if (row.fate == Fate::kAccepted || row.fate == Fate::kCut) accepted.push_back(row.row);
        rejected += row.fate == Fate::kRejected ? 1 : 0;
        EXPECT_EQ(row.p, traced.p.const_data_ptr<float>()[row.parent * traced.p.size(1) + row.id]);
        EXPECT_TRUE(row.q.has_value());
      }
      if (!round.is_cut) {
        EXPECT_EQ(accepted, verdict.path) << arm;
        EXPECT_EQ(round.tokens.back().id, verdict.next);
        EXPECT_NE(round.tokens.back().source, Source::kDraft);
      }
      for (const RoundToken& token : round.tokens) text.push_back(token.id);
    }
    EXPECT_EQ(text, rounds.record.out);
    EXPECT_GT(rejected, 0) << "a run without rejections tests nothing";
  }
}

TEST_F(RunTrace, AllViewsTellTheSame) {
  run("distributions");
  const PromptRounds shown = read();
  const json told = json::parse(rounds_json(shown));
  EXPECT_EQ(told["arms"].size(), 3u);
  const std::string text = rounds_text(shown, Color::kPlain), page = rounds_page(shown);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, AllOf(HasSubstr(told["prompt_text"].get<std::string>()), HasSubstr("[-"), HasSubstr("{+"),
                          HasSubstr("\ntree: draft_model("), HasSubstr(" below ")));
  EXPECT_THAT(rounds_text(shown, Color::kAnsi),
              AllOf(HasSubstr("\x1b[31;9m"), HasSubstr("\x1b[32m"), HasSubstr("\x1b[1m"), Not(HasSubstr("[-"))));
  for (const ArmRounds& arm : shown.arms) {
    const json& of_arm = *std::find_if(told["arms"].begin(), told["arms"].end(),
                                       [&](const json& a) { return a["arm"] == arm.arm.name; });
    EXPECT_EQ(of_arm["rounds"].size(), arm.record.rounds.size());
    EXPECT_EQ(of_arm["has_distributions"], arm.arm.name != "ar") << "nothing was drafted, so nothing was kept";
    std::string spans;  // the text is what its spans hold
    const size_t from = page.find("<p class=\"tokens\">", page.find(cat("<h2>", arm.arm.name, "</h2>")));
    const std::string part = page.substr(from, page.find("</p>", from) - from);
    size_t accepted = 0, own = 0;
    for (size_t at = part.find("<span"); at != std::string::npos; at = part.find("<span", at + 1)) ++accepted;
    for (size_t at = part.find("<b "); at != std::string::npos; at = part.find("<b ", at + 1)) ++own;
    EXPECT_EQ(accepted + own, arm.record.out.size());
    size_t from_draft = 0;
    for (const json& round : of_arm["rounds"]) {
      for (const json& token : round["tokens"]) from_draft += token["from"] == "draft" ? 1 : 0;
    }
    EXPECT_EQ(accepted, from_draft);
  }
  EXPECT_THAT(page, AllOf(HasSubstr("<del class=\"rejected\" title=\"round "), HasSubstr(", p/q ")));
}

TEST_F(RunTrace, WithoutDistributionsItSaysSoAndHow) {
  run("none");
  const PromptRounds shown = read("chain");
  const std::string text = rounds_text(shown, Color::kPlain);
  EXPECT_THAT(text, AllOf(HasSubstr("--set output.record=distributions"), Not(HasSubstr("[-a")), HasSubstr("{+"),
                          HasSubstr("instead")));
  const json told = json::parse(rounds_json(shown));
  EXPECT_TRUE(told["arms"][0]["rounds"][0]["rows"].is_null());
  EXPECT_THAT(rounds_page(shown), HasSubstr("output.record=distributions"));
  EXPECT_THAT(rounds_text(read("ar"), Color::kPlain), Not(HasSubstr("output.record"))) << "nothing was drafted";
}

TEST_F(RunTrace, ATraceThatContradictsTheRecordIsRefused) {
  run("distributions");
  std::string lines;
  for (Record& r : read_every_record(fs::path(run_) / "records/s000-of-001.jsonl")) {
    for (Token& id : r.out) id = r.key.arm == "chain" ? id + 1 : id;
    lines += to_line(r) + "\n";
  }
  write_file_atomically(fs::path(run_) / "records/s000-of-001.jsonl", lines);
  EXPECT_THROW(read("chain"), Error);
  EXPECT_NO_THROW(read("tree"));
}

// --- Runs written by hand ---

const char* const kHostile = "<script>alert('x')</script>&\"";

class RunTraceByHand : public RunsFolder {
 protected:
  // Prompts p0, p1, ...; `target` is where the tokenizer is looked for.
  void write_hand(int prompts, const std::string& target, const std::string& arm = "sps") const {
    RunInfo run = info("by-hand");
    run.models.front().path = target;
    run.arms[1].name = arm;
    std::vector<Record> records;
    for (int i = 0; i < prompts; ++i) {
      for (const char* const of : {"ar", "sps"}) {
        Record r = record(of, cat("p", i));
        if (r.key.arm == "sps") r.key.arm = arm;
        records.push_back(std::move(r));
      }
    }
    write_run("run", run, "", "");
    write_records("run", records);
  }
  std::string error(const RoundsWanted& wanted) const {
    return config_error([&] { read_rounds(wanted); });
  }
  const std::string demo_ = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/target";
};

TEST_F(RunTraceByHand, WrongNamesGetTheNearestOnesAndNotAll) {
  write_hand(40, demo_);
  EXPECT_THAT(error({.run = path("run"), .prompt = "p399"}), HasSubstr("did you mean 'p39'"));
  const std::string other = error({.run = path("run"), .prompt = "something else"});
  EXPECT_THAT(other,
              AllOf(HasSubstr("there is no prompt 'something else'; valid: p0, p1, "), HasSubstr("(40 in all)")));
  EXPECT_LT(other.size(), path("run").size() + 150);
  EXPECT_THAT(error({.run = path("run")}), HasSubstr("which prompt?"));
  EXPECT_THAT(error({.run = path("run"), .prompt = "p0", .arm = "spss"}), HasSubstr("did you mean 'sps'"));
  EXPECT_THAT(error({.run = path("run"), .prompt = "p0", .turn = 1}), HasSubstr("--turn 1: prompt p0"));
  EXPECT_THAT(error({.run = path("run"), .prompt = "p0", .rep = 3}), HasSubstr("--rep 3"));
  EXPECT_THAT(error({.run = path(""), .prompt = "p0"}), Not(HasSubstr("no error")));
}

TEST_F(RunTraceByHand, WithoutATokenizerThereAreIds) {
  write_hand(1, path("gone"));
  const PromptRounds shown = read_rounds({.run = path("run"), .prompt = "p0", .arm = "sps"});
  const std::string text = rounds_text(shown, Color::kPlain);
  EXPECT_THAT(text, AllOf(HasSubstr("tokens are shown as ids"), HasSubstr("101 102{+ 103+}{+ 104+}"),
                          HasSubstr("tau 2.00, alpha 0.667")));
  EXPECT_FALSE(json::parse(rounds_json(shown))["arms"][0]["has_texts"].get<bool>());
}

TEST_F(RunTraceByHand, AnotherTokenizerIsNotTakenForTheRuns) {
  write_hand(1, demo_);
  RunInfo run = read_manifest(path("run"));
  run.tokenizer = std::string(64, 'a');
  write_manifest(path("run"), run);
  EXPECT_THAT(read_rounds({.run = path("run"), .prompt = "p0"}).arms.front().names->missing(),
              HasSubstr("is not the one that the run had"));
}

TEST_F(RunTraceByHand, NothingReachesThePageUnescaped) {
  write_hand(1, demo_, kHostile);
  PromptRounds shown = read_rounds({.run = path("run"), .prompt = "p0"});
  shown.text = kHostile;
  shown.text_missing = "";
  const auto tokenizer = load_tokenizer(demo_);
  for (ArmRounds& arm : shown.arms) {  // a text of "<"
    const Token id = tokenizer->encode("a<", Tokenizer::Special::kWithout).back();
    ASSERT_EQ(arm.names->name(id), "<");
    std::fill(arm.record.out.begin(), arm.record.out.end(), id);
    for (RunRound& round : arm.rounds) {
      for (RoundToken& token : round.tokens) token.id = id;
    }
  }
  const std::string page = rounds_page(shown);
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<script>alert")), HasSubstr("&lt;script&gt;alert(&#39;x&#39;)")));
  EXPECT_THAT(page,
              AllOf(Not(HasSubstr("<<")), HasSubstr(">&lt;</b>"), HasSubstr(">&lt;</span>"), HasSubstr("<td>&lt;")));
  for (const char* const outside : {"http://", "https://", "src=", "@import", "url("})
    EXPECT_THAT(page, Not(HasSubstr(outside))) << "the page loads nothing";
}

TEST_F(RunTraceByHand, AFailedArmTellsWhy) {
  write_hand(1, demo_);
  Record failed;
  failed.key = {.arm = "sps", .prompt = "p0"};
  failed.ok = false;
  failed.error = "no memory";
  write_records("run", {record("ar", "p0"), failed});
  EXPECT_THAT(rounds_text(read_rounds({.run = path("run"), .prompt = "p0"}), Color::kPlain),
              HasSubstr("failed: no memory"));
}

// --- Texts of tokens ---

TEST(TokenNames, ControlCharactersAndBrokenBytesAreSpelledOut) {
  const TokenNames names(std::string(SPECULA_SOURCE_DIR) + "/assets/demo/target", "");
  ASSERT_EQ(names.missing(), "");
  const auto tokenizer = load_tokenizer(std::string(SPECULA_SOURCE_DIR) + "/assets/demo/target");
  const std::vector<Token> ids = tokenizer->encode("Mia\n\xC3\xA9\x1b", Tokenizer::Special::kWithout);
  std::string all, parts;
  for (const Token id : ids) all += names.name(id);
  for (const std::string& part : names.parts(ids)) parts += part;
  EXPECT_THAT(all, AllOf(HasSubstr("Mia\\n"), Not(HasSubstr("\x1b")), HasSubstr("\\x1B")));
  EXPECT_THAT(parts, HasSubstr("Mia\n\xC3\xA9"));
  EXPECT_EQ(names.name(1), "<s>");
  EXPECT_EQ(names.name(1 << 20), cat("#", 1 << 20));
}

// Pages that are hard to draw, for tests/report/check_page.py.
TEST_F(RunTraceByHand, PagesForTheBrowser) {
  const fs::path pages = fs::path(SPECULA_BINARY_DIR) / "report_pages";
  fs::create_directories(pages);
  write_hand(1, demo_, std::string(90, 'W') + kHostile);
  write_file_atomically(pages / "rounds.html", rounds_page(read_rounds({.run = path("run"), .prompt = "p0"})));
  PromptRounds hard = read_rounds({.run = path("run"), .prompt = "p0"});
  hard.text_missing = "";
  hard.text = std::string(3000, 'x') + "\n" + kHostile;
  ArmRounds& arm = hard.arms.back();
  arm.is_recorded = true;
  for (RunRound& round : arm.rounds) {
    RoundFates told{.rows = {}, .p = 1e-9, .q = 0.5};
    for (int depth = 1; depth <= 2; ++depth) {
      for (int row = 1; row <= 8; ++row) {
        const bool taken = row == 1 && depth <= round.accepted;
        told.rows.push_back({.row = row,
                             .parent = 0,
                             .depth = depth,
                             .id = 200 + row,
                             .draw = Draw::kWithoutReplacement,
                             .fate = taken ? Fate::kAccepted : Fate::kRejected,
                             .p = 0.5,
                             .q = 1e-12});
      }
    }
    round.fates = told;
  }
  write_file_atomically(pages / "rounds_hard.html", rounds_page(hard));
}

}  // namespace
}  // namespace specula
