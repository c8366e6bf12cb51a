// `specula convert`: model files of other programs as Hugging Face folders.  Licence: Apache-2.0.
#include <chrono>
#include <cstdio>
#include <iostream>

#include "experiments/commands.h"
#include "experiments/run/run_signal.h"
#include "framework/convert/gguf_model.h"
#include "framework/convert/llama2c.h"
#include "framework/model/load.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

// A line every other second, for files that take longer than that; ends the writing after a signal.
class Progress {
 public:
  void operator()(uint64_t done, uint64_t total) {
    if (signals_.interrupted())
      throw Error("specula convert: interrupted; nothing is left of the new folder", signals_.code());
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::seconds(2);
    char line[80];
    std::snprintf(line, sizeof line, "[%3.0f %% of %.2f GB written]\n",
                  100 * static_cast<double>(done) / static_cast<double>(total), static_cast<double>(total) / 1e9);
    std::cerr << line;
  }

 private:
  SignalScope signals_;
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + std::chrono::seconds(2);
};

// What is written is what this program loads: names, shapes, the vocabulary.
std::string describe_loadable(const fs::path& folder) {
  const ModelInfo info = read_model_info(folder);
  std::string text =
      cat(info.architecture, ", ", info.layers, " layers, ", info.parameters, " parameters, ", name_of(info.stored));
  if (!has_tokenizer(folder)) return text + ", no tokenizer";
  const auto tokenizer = load_tokenizer(folder);
  check_vocabulary(tokenizer->vocab(), info.vocab, folder.string());
  return cat(text, ", ", tokenizer->vocab(), " tokens");
}

ExitCode write(const ConvertedModel& model, const std::string& folder) {
  Progress progress;
  std::string description;
  write_model(model, folder,
              {.progress = [&](uint64_t done, uint64_t total) { progress(done, total); },
               .check = [&](const fs::path& written) { description = describe_loadable(written); }});
  std::cout << folder << ": " << description << "\n";
  return ExitCode::kOk;
}

}  // namespace

ExitCode convert_gguf_command(const ConvertArgs& args) {
  const WrittenDtype dtype = parse_written_dtype(args.dtype, "--dtype");
  const GgufFile file(args.file);
  return write(convert_gguf(file, dtype), args.folder);
}

ExitCode convert_llama2c_command(const ConvertArgs& args) {
  const WrittenDtype dtype = parse_written_dtype(args.dtype, "--dtype");
  const Llama2cFile file(args.file);
  return write(convert_llama2c(file, args.tokenizer, dtype), args.folder);
}

}  // namespace specula
