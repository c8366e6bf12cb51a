// `specula watch`: what becomes of runs, until all of them have ended.  Licence: Apache-2.0.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

#include "experiments/commands.h"
#include "experiments/run/run_signal.h"
#include "experiments/runs/watched.h"

namespace specula {
namespace {

// As long as a heartbeat may fail to come: where nothing runs, what waits will not begin.
constexpr double kSilence = 300;

// One line for each that changed since the last time.
class PlainView {
 public:
  void show(const std::vector<WatchedLine>& lines) {
    for (const WatchedLine& line : lines) {
      std::string& before = shown_[line.name];
      if (before == line.change) continue;
      before = line.change;
      std::cout << line.name << ": " << line.text << (line.speeds.empty() ? "" : "; ") << line.speeds << "\n";
    }
    std::cout.flush();
  }

 private:
  std::map<std::string, std::string> shown_;
};

// All lines, in the place of those that were shown before.
class TerminalView {
 public:
  void show(const std::vector<WatchedLine>& lines) {
    winsize size{};
    ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    const size_t width = size.ws_col > 1 ? size.ws_col : 80, height = size.ws_row > 4 ? size.ws_row : 24;
    std::string frame = height_ > 0 ? cat("\r\x1b[", height_, "A\x1b[J") : "";
    const std::vector<std::string> rows = fitting(lines, height - 3);
    for (const std::string& row : rows) frame += clipped(row, width - 1) + "\n";
    height_ = rows.size();
    std::cout << frame << std::flush;
  }

 private:
  // Where there is no room for all, what runs and what is broken before the rest; of what is left out the number.
  static std::vector<std::string> fitting(const std::vector<WatchedLine>& lines, size_t room) {
    const auto is_urgent = [](const WatchedLine& l) {
      return l.course == Course::kRunning || l.course == Course::kBroken;
    };
    std::vector<const WatchedLine*> order;
    for (const WatchedLine& line : lines) order.push_back(&line);
    std::vector<const WatchedLine*> shown;
    size_t taken = 0;
    std::stable_partition(order.begin(), order.end(), [&](const WatchedLine* line) { return is_urgent(*line); });
    for (const WatchedLine* line : order) {
      const size_t height = line->speeds.empty() ? 1 : 2;
      if (taken + height > room) break;
      taken += height;
      shown.push_back(line);
    }
    std::sort(shown.begin(), shown.end());  // as they stand in `lines`
    std::vector<std::string> rows;
    for (const WatchedLine* line : shown) {
      rows.push_back(cat(line->name, ": ", line->text));
      if (!line->speeds.empty()) rows.push_back("  " + line->speeds);
    }
    if (shown.size() < lines.size()) rows.push_back(cat("and ", lines.size() - shown.size(), " more"));
    return rows;
  }

  // At most so many characters, and none that moves the cursor.
  static std::string clipped(const std::string& text, size_t width) {
    std::string out;
    size_t characters = 0;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      if ((byte & 0xC0) != 0x80 && ++characters > width) break;
      out += byte < 0x20 || byte == 0x7F ? ' ' : c;
    }
    return out;
  }

  size_t height_ = 0;  // of the frame that is there
};

bool is_any(const std::vector<WatchedLine>& lines, Course course) {
  return std::any_of(lines.begin(), lines.end(), [&](const WatchedLine& line) { return line.course == course; });
}

// How long nothing has changed.
class Silence {
 public:
  double seconds(const std::vector<WatchedLine>& lines) {
    std::string now;
    for (const WatchedLine& line : lines) now += cat(line.name, "/", line.change, "\n");
    const auto time = std::chrono::steady_clock::now();
    if (now != last_) since_ = time;
    last_ = std::move(now);
    return std::chrono::duration<double>(time - since_).count();
  }

 private:
  std::string last_;
  std::chrono::steady_clock::time_point since_;
};

// False: a signal came.
bool wait(double seconds, const SignalScope& signals) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!signals.interrupted() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return !signals.interrupted();
}

template <class View>
ExitCode watch(const WatchArgs& args, View view) {
  const SignalScope signals;
  WatchedFolder folder(args.folder);
  Silence silence;
  do {
    const std::vector<WatchedLine> lines = folder.look(std::time(nullptr));
    view.show(lines);
    if (args.once) return ExitCode::kOk;
    const bool runs = is_any(lines, Course::kRunning), waits = is_any(lines, Course::kWaiting);
    if (!runs && (!waits || silence.seconds(lines) > kSilence))
      return waits || is_any(lines, Course::kBroken) ? ExitCode::kPartial : ExitCode::kOk;
  } while (wait(args.interval_s, signals));
  return signals.code();
}

}  // namespace

ExitCode watch_command(const WatchArgs& args) {
  if (!(args.interval_s > 0))
    throw ConfigError(cat("--interval ", args.interval_s, " is out of range; valid: above 0"));
  return ::isatty(STDOUT_FILENO) == 1 && !args.once ? watch(args, TerminalView()) : watch(args, PlainView());
}

}  // namespace specula
