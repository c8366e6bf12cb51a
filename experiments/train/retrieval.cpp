// `specula train retrieval`: the sorted suffixes of a corpus.  Licence: Apache-2.0.
#include "experiments/train/train.h"
#include "framework/lookup/suffix_index.h"

namespace specula {

ExitCode train_retrieval_command(const CorpusArgs& args) {
  check_train_output(args.output);
  TokenCorpus corpus("train retrieval", args);
  TokenDocuments documents;
  corpus.read([&](std::span<const Token> ids, bool begins) { documents.add(ids, begins); });
  write_suffix_index(args.output, std::move(documents), corpus.tokenizer().fingerprint());
  print_written(args.output, corpus.text());
  return ExitCode::kOk;
}

}  // namespace specula
