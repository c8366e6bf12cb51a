#include "experiments/bench/session.h"
#include "framework/core/clock.h"
#include "framework/core/files.h"
#include "framework/text/corpus.h"

namespace specula {
namespace {

// Documents of a few thousand bytes, as a tokenizer gets them.
std::vector<std::string> documents_of(const std::string& file, size_t document_bytes) {
  std::string text = read_file(file);
  std::vector<std::string> documents;
  for (size_t done = 0; done < text.size(); done += documents.back().size()) {
    const std::string rest = text.substr(done, document_bytes + 4096);
    documents.push_back(rest.substr(0, cut_behind(rest, document_bytes)));
  }
  return documents;
}

}  // namespace

// One thread; the first turn warms up.
ExitCode bench_tokenize_command(const BenchTokenizeArgs& args) {
  check_at_least("--document", args.document_bytes, 16);
  BenchSession session("bench tokenize", args);
  const double load_start = seconds_now();
  const auto tokenizer = load_tokenizer(args.model);
  const double load_seconds = seconds_now() - load_start;
  const std::vector<std::string> documents = documents_of(args.text, static_cast<size_t>(args.document_bytes));
  if (documents.empty()) throw ConfigError(cat("specula bench tokenize: --text ", args.text, " is empty"));
  double bytes = 0, tokens = 0;
  for (const std::string& document : documents) bytes += static_cast<double>(document.size());
  Samples encoding, decoding;
  for (int turn = -1; turn < args.repeats; ++turn) {
    std::vector<std::vector<Token>> ids;
    ids.reserve(documents.size());
    const double start = seconds_now();
    for (const std::string& document : documents) ids.push_back(tokenizer->encode(document, Tokenizer::Special::kWith));
    const double middle = seconds_now();
    size_t decoded = 0;
    for (const std::vector<Token>& document : ids) decoded += tokenizer->decode(document).size();
    const double end = seconds_now();
    SPECULA_CHECK(decoded > 0);
    tokens = 0;
    for (const std::vector<Token>& document : ids) tokens += static_cast<double>(document.size());
    if (turn < 0) continue;
    session.read_stream();
    encoding.push_back(middle - start);
    decoding.push_back(end - middle);
  }
  BenchRow row{.keys = {{"documents", static_cast<int64_t>(documents.size())}},
               .figures = {figure("encode_mb_s", inverse(encoding, bytes * 1e-6)),
                           figure("decode_mb_s", inverse(decoding, bytes * 1e-6)),
                           computed("bytes_per_token", bytes / tokens), computed("load_ms", load_seconds * 1e3)},
               .repeats = args.repeats};
  return session.finish({std::move(row)}, 0);
}

}  // namespace specula
