// `specula train`: what is read of a corpus, what is refused, and that the files of the demo come out again.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "experiments/bench/synthetic_text.h"
#include "experiments/cli/cli.h"
#include "experiments/commands.h"
#include "experiments/train/train.h"
#include "framework/core/files.h"
#include "framework/lookup/ngram_counts.h"
#include "framework/lookup/suffix_index.h"

namespace specula::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::string kDemo = std::string(SPECULA_SOURCE_DIR) + "/assets/demo";

class Train : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / cat("specula-train-", ::getpid());
    fs::create_directories(folder_ / "texts/below");
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return path(name);
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  // Every piece of a corpus; a document begins with "|".
  static std::string pieces(const CorpusChoice& choice) {
    Corpus corpus(choice);
    CorpusPiece piece;
    std::string all;
    while (corpus.next(piece)) all += (piece.begins_document ? "|" : "") + piece.text;
    EXPECT_EQ(corpus.bytes_read(), corpus.total_bytes());
    return all;
  }
  static std::string error_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }

  // Runs "train ..." and returns what it prints.
  static std::string train(const std::string& arguments) {
    std::vector<std::string> words{"specula", "train"};
    std::istringstream stream(arguments);
    for (std::string word; stream >> word;) words.push_back(word);
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    std::ostringstream out;
    std::streambuf* const old = std::cout.rdbuf(out.rdbuf());
    try {
      EXPECT_EQ(run_command_line(static_cast<int>(argv.size()), argv.data()), ExitCode::kOk);
    } catch (const Error& e) {
      out << "error: " << e.what();
    }
    std::cout.rdbuf(old);
    return out.str();
  }

  fs::path folder_;
};

TEST_F(Train, TheDemosFilesComeOutByteForByte) {
  EXPECT_THAT(train(cat("retrieval ", kDemo, "/samples.jsonl --tokenizer ", kDemo, "/target --output ", path("a"))),
              AllOf(HasSubstr("1 file, 60 documents, "), HasSubstr("tokens\n")));
  EXPECT_TRUE(read_file(path("a")) == read_file(kDemo + "/samples.suffixes"));
  train(cat("ngram_cache ", kDemo, "/samples.jsonl --tokenizer ", kDemo, "/target --min-count 2 --output ", path("b")));
  EXPECT_TRUE(read_file(path("b")) == read_file(kDemo + "/samples.ngrams"));
}

TEST_F(Train, FilesFoldersAndGlobsAreReadInOrder) {
  write("texts/b.txt", "two");
  write("texts/a.md", "one");
  write("texts/below/c.jsonl", "{\"text\": \"three\"}\n\n{\"text\": \"four\", \"id\": 7}");
  write("texts/ignored.bin", std::string(3, '\0'));
  EXPECT_EQ(pieces({.paths = {path("texts")}}), "|one|two|three|four");
  EXPECT_EQ(pieces({.paths = {path("texts/b.txt"), path("texts/a.md")}}), "|two|one");
  EXPECT_EQ(pieces({.paths = {path("texts/*.[mt]*")}}), "|one|two");
  write("other", "{\"body\": \"five\"}\n");
  EXPECT_EQ(pieces({.paths = {path("other")}, .format = "jsonl", .key = "body"}), "|five");
  EXPECT_EQ(pieces({.paths = {path("texts/below/c.jsonl")}, .format = "text"}).substr(0, 9), "|{\"text\":");
}

TEST_F(Train, LongTextsComeInPiecesThatMakeThemUp) {
  std::string text;
  while (text.size() < 5 * Corpus::kPieceBytes) text += cat("Line ", text.size(), " of a long text.\n");
  const std::string file = write("long.txt", text);
  Corpus corpus({.paths = {file}});
  CorpusPiece piece;
  std::string all;
  int count = 0;
  while (corpus.next(piece)) {
    EXPECT_EQ(piece.begins_document, count++ == 0);
    EXPECT_LE(piece.text.size(), Corpus::kPieceBytes);
    EXPECT_EQ(piece.text.back(), '\n');
    all += piece.text;
  }
  EXPECT_GT(count, 4);
  EXPECT_TRUE(all == text);
}

TEST_F(Train, CutsAreBehindLinesOrWordsOrCharacters) {
  EXPECT_EQ(cut_behind("ab cd\nef gh", 8), 6U);
  EXPECT_EQ(cut_behind("abcd efghij", 8), 5U);
  EXPECT_EQ(cut_behind("abcdefghij", 8), 8U);
  EXPECT_EQ(cut_behind("abcd\u00e4fgh", 5), 4U) << "within a character of two bytes";
  EXPECT_EQ(cut_behind("short", 8), 5U);
  EXPECT_GT(cut_behind(std::string(20, '\x80'), 8), 0U) << "bytes that are no text still end";
}

TEST_F(Train, WhatCannotBeReadIsNamed) {
  const auto refusal = [](const CorpusChoice& choice) { return error_of([&] { pieces(choice); }); };
  EXPECT_THAT(refusal({.paths = {path("missing.txt")}}), HasSubstr("missing.txt: there is no such file"));
  EXPECT_THAT(refusal({.paths = {path("*.none")}}), HasSubstr("no file matches"));
  EXPECT_THAT(refusal({.paths = {path("texts")}}), HasSubstr("no file that ends in .txt"));
  EXPECT_THAT(refusal({.paths = {write("empty.txt", "")}}), HasSubstr("there is no text in it"));
  EXPECT_THAT(refusal({.paths = {write("x.txt", "x")}, .format = "json"}), HasSubstr("'jsonl'"));
  const std::string bad = write("bad.jsonl", "{\"text\": \"fine\"}\n{\"text\": ");
  EXPECT_THAT(refusal({.paths = {bad}}), HasSubstr("bad.jsonl:2: not valid JSON"));
  EXPECT_THAT(refusal({.paths = {write("list.jsonl", "[1]\n")}}), HasSubstr("list.jsonl:1: expected a JSON object"));
  EXPECT_THAT(refusal({.paths = {write("key.jsonl", "\n{\"txt\": \"a\"}\n")}}),
              AllOf(HasSubstr("key.jsonl:2: there is no key \"text\""), HasSubstr("txt")));
  EXPECT_THAT(refusal({.paths = {write("number.jsonl", "{\"text\": 3}")}}), HasSubstr("must hold text, got number"));
  EXPECT_THAT(refusal({.paths = {write("zip.txt", std::string("ab\0c", 4))}}), HasSubstr("zip.txt: byte 2 is 0"));
}

TEST_F(Train, WrongCallsAreRefused) {
  const std::string corpus = write("c.txt", "a red kite"), tokenizer = cat(" --tokenizer ", kDemo, "/target ");
  EXPECT_THAT(train(cat("retrieval ", corpus, tokenizer, "--output ", path("no/such"))),
              HasSubstr("there is no folder"));
  EXPECT_THAT(train(cat("retrieval ", corpus, tokenizer, "--output ", path("texts"))), HasSubstr("this is a folder"));
  EXPECT_THAT(train(cat("ngram_cache ", corpus, tokenizer, "--order 5 --output ", path("o"))),
              HasSubstr("out of range 1..4"));
  EXPECT_THAT(train(cat("ngram_cache ", corpus, tokenizer, "--min-count 9 --output ", path("o"))),
              HasSubstr("were seen 9 times"));
  EXPECT_THAT(train(cat("retrieval ", write("blank.jsonl", "\n  \n"), tokenizer, "--output ", path("o"))),
              HasSubstr("there is no token in it"));
  EXPECT_THAT(train(cat("retrieval ", corpus, " --tokenizer ", path("texts"), " --output ", path("o"))),
              HasSubstr("tokenizer"));
  EXPECT_THAT(train("retrievel"), HasSubstr("did you mean 'retrieval'"));
  EXPECT_FALSE(fs::exists(path("o"))) << "nothing was written";
}

TEST_F(Train, MaxTokensAreTheFirstOnes) {
  const std::string corpus = write("c.txt", "a red kite and a red kite and a red kite");
  const CorpusArgs args{.corpus = {corpus}, .tokenizer = kDemo + "/target", .max_tokens = 5};
  TokenCorpus all("test", {.corpus = {corpus}, .tokenizer = args.tokenizer}), first("test", args);
  std::vector<Token> tokens, few;
  all.read([&](std::span<const Token> ids, bool) { tokens.insert(tokens.end(), ids.begin(), ids.end()); });
  first.read([&](std::span<const Token> ids, bool) { few.insert(few.end(), ids.begin(), ids.end()); });
  ASSERT_GT(tokens.size(), 5U);
  EXPECT_EQ(few, std::vector<Token>(tokens.begin(), tokens.begin() + 5));
  EXPECT_EQ(all.documents(), 1);
}

// The benchmark of the drafters that read such files: that it runs and drafts something, not how fast.
TEST(BenchDrafters, RunsEveryDrafterThatLooksTokensUp) {
  BenchDraftersArgs args;
  args.contexts = {200, 400};
  args.corpora = {3000};
  args.vocab = 500;
  args.repeats = 1;
  args.format = "text";
  ::testing::internal::CaptureStdout();
  const ExitCode code = bench_drafters_command(args);
  const std::string table = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(code, ExitCode::kOk);
  for (const char* const name : {"prompt_lookup", "ngram_cache", "suffix_automaton", "retrieval", "token_recycling"})
    EXPECT_THAT(table, HasSubstr(name));
  EXPECT_THAT(table, AllOf(HasSubstr("round_us"), HasSubstr("bytes_per_token")));
}

TEST(BenchDrafters, RefusesDraftersWithModels) {
  BenchDraftersArgs args;
  for (const char* const call : {"draft_model", "oracle", "nonesuch"}) {
    args.drafters = call;
    args.contexts = {50};
    args.corpora = {1000};
    args.repeats = 1;
    EXPECT_THROW(bench_drafters_command(args), ConfigError) << call;
  }
}

TEST(SyntheticText, IsZipfianAndRepeatsItself) {
  const std::vector<Token> text = synthetic_text({.vocab = 1000}, 50000, 1);
  std::vector<int> count(1000, 0);
  for (const Token token : text) ++count.at(static_cast<size_t>(token));
  EXPECT_GT(count[0], 4 * count[9]) << "about 1 in the logarithm of the vocabulary against a tenth of it";
  EXPECT_GT(count[9], 0);
  const std::vector<Token> longer = synthetic_text({.vocab = 1000}, 60000, 1);
  EXPECT_TRUE(std::equal(text.begin(), text.end(), longer.begin()));
}

}  // namespace
}  // namespace specula::testing
