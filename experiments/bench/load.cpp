#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "experiments/bench/session.h"
#include "framework/core/clock.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBufferBytes = size_t{8} << 20;  // stays in the processor's caches: the file is what is read

std::vector<fs::path> weight_files(const std::string& folder) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

double seconds_of_reading(const std::vector<fs::path>& files, const AlignedBuffer& buffer) {
  const double start = seconds_now();
  for (const fs::path& file : files) {
    const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) throw Error(cat(file.string(), ": cannot open"));
    ssize_t count = 0;
    while ((count = ::read(descriptor, buffer.data(), buffer.size())) > 0) {
    }
    ::close(descriptor);
    if (count < 0) throw Error(cat(file.string(), ": cannot read"));
  }
  return seconds_now() - start;
}

// A line of /proc/self/status in bytes, "VmRSS" or "VmHWM" (its peak).
double status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stod(line.substr(key.size() + 1)) * 1024;  // the line is in kB
  }
  throw Error(cat("/proc/self/status: no ", key));
}

bool reset_peak() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5";  // proc(5): sets VmHWM to VmRSS
  file.close();
  return !file.fail();
}

struct Subject {
  BenchChoice choice;
  Samples seconds{}, reading{}, growth{};
};

// Loads once and lets go of the model.
void load_once(Subject& subject, BenchSession& session, const std::string& device, bool keeps) {
  const bool has_peak = reset_peak();
  const double before = status_bytes("VmRSS"), start = seconds_now();
  const auto model = load_model(subject.choice.folder, {.dtype = subject.choice.dtype, .device = device});
  const double seconds = seconds_now() - start;
  if (!keeps) {
    session.describe(subject.choice, *model);
    return;
  }
  subject.seconds.push_back(seconds);
  if (has_peak) subject.growth.push_back(status_bytes("VmHWM") - before);
}

}  // namespace

// Reading and loading take turns; the first turn warms the page cache.
ExitCode bench_load_command(const BenchArgs& args) {
  std::vector<Subject> subjects;
  for (BenchChoice& choice : choose_models({.role = "model", .folder = args.model, .dtypes = args.dtypes}, args.device))
    subjects.push_back({.choice = std::move(choice)});
  BenchSession session("bench load", args);
  const std::vector<fs::path> files = weight_files(args.model);
  double bytes = 0;
  for (const fs::path& file : files) bytes += static_cast<double>(fs::file_size(file));
  const AlignedBuffer buffer(kBufferBytes);
  for (int turn = -1; turn < args.repeats; ++turn) {
    session.read_stream();
    for (Subject& subject : subjects) {
      const double reading = seconds_of_reading(files, buffer);
      load_once(subject, session, args.device, turn >= 0);
      if (turn >= 0) subject.reading.push_back(reading);
    }
  }
  std::vector<BenchRow> rows;
  for (const Subject& s : subjects) {
    BenchRow row{.keys = {{"dtype", std::string(name_of(s.choice.dtype))}},
                 .figures = {computed("file_mb", bytes * 1e-6), figure("read_ms", scaled(s.reading, 1e3)),
                             figure("load_ms", scaled(s.seconds, 1e3)), figure("ratio", ratios(s.seconds, s.reading))},
                 .repeats = args.repeats};
    if (!s.growth.empty()) row.figures.push_back(figure("peak_growth_mb", scaled(s.growth, 1e-6)));
    rows.push_back(std::move(row));
  }
  return session.finish(std::move(rows), 0);
}

}  // namespace specula
