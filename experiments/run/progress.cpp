#include "experiments/run/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "framework/core/clock.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kTerminalPeriod = 0.25, kPlainPeriod = 10;

std::string clock_text(double seconds) {
  char text[32];
  const auto whole = static_cast<long>(seconds);
  std::snprintf(text, sizeof text, "%02ld:%02ld", whole / 60, whole % 60);
  return text;
}

size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

std::string short_number(double value, int decimals) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

}  // namespace

Progress::Progress(std::string title, int64_t total, std::string unit)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      start_(seconds_now()),
      shown_(start_),
      terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::skip(int64_t count) {
  done_ += count;
  skipped_ += count;
}

void Progress::step(const std::string& note) { reach(done_ + 1, note); }

void Progress::reach(int64_t done, const std::string& note) {
  done_ = done;
  note_ = note;
  show(false);
}

void Progress::stage(const std::string& what) {
  stage_ = what;
  show(terminal_);
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\033[K", stderr);
  drawn_ = false;
}

std::string Progress::line() const {
  const double elapsed = seconds_now() - start_;
  const int64_t here = done_ - skipped_;
  std::string text = cat("[", title_, "] ", done_, "/", total_, " ", unit_);
  if (!stage_.empty()) text += ", " + stage_;
  if (!note_.empty()) text += "  " + note_;
  if (here > 0)
    text += "  ETA " + clock_text(elapsed / static_cast<double>(here) * static_cast<double>(total_ - done_));
  return text;
}

void Progress::show(bool force) {
  const double now = seconds_now();
  if (!force && now - shown_ < (terminal_ ? kTerminalPeriod : kPlainPeriod)) return;
  shown_ = now;
  if (!terminal_) {
    std::fprintf(stderr, "%s\n", line().c_str());
    return;
  }
  std::fprintf(stderr, "\r\033[K%s", line().substr(0, terminal_width() - 1).c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void RunningSpeeds::add(const std::string& arm, bool baseline, int64_t tokens, double seconds) {
  auto found = std::find_if(totals_.begin(), totals_.end(), [&](const Total& t) { return t.arm == arm; });
  if (found == totals_.end()) found = totals_.insert(totals_.end(), {arm, baseline, 0, 0});
  found->tokens += static_cast<double>(tokens);
  found->seconds += seconds;
}

std::string RunningSpeeds::note() const {
  const auto base = std::find_if(totals_.begin(), totals_.end(), [](const Total& t) { return t.baseline; });
  if (base == totals_.end() || base->seconds <= 0) return "";
  const double speed = base->tokens / base->seconds;
  std::vector<std::string> parts = {cat(base->arm, " ", short_number(speed, 0), " tok/s")};
  for (const Total& t : totals_) {
    if (!t.baseline && t.seconds > 0)
      parts.push_back(cat(t.arm, " ", short_number(t.tokens / t.seconds / speed, 2), "x"));
  }
  return join(parts);
}

}  // namespace specula
