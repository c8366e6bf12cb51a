// Small files for drafters that read a corpus: of tokens 0 and 1, so that every toy vocabulary has them.
#pragma once

#include <string>
#include <vector>

#include "framework/core/token.h"

namespace specula::testing {

// Where the toy files lie: a folder of this process that is removed at its end.
std::string toy_folder();

// Made when first asked for.
std::string toy_retrieval_file();
std::string toy_ngram_file();
std::string retrieval_file_of(const std::vector<Prefix>& documents, const std::string& name,
                              const std::string& tokenizer = "");
std::string ngram_file_of(const std::vector<Prefix>& documents, int order, const std::string& name,
                          const std::string& tokenizer = "");

}  // namespace specula::testing
