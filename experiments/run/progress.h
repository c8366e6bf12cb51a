// Progress on standard error: on a terminal one line that is rewritten, otherwise a plain line every ten seconds.
// Called between decodes, never inside a timed region.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

class Progress {
 public:
  Progress(std::string title, int64_t total, std::string unit = "prompts");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void skip(int64_t count);  // done by an earlier segment
  // One unit is done; `note` is what is known so far ("sps-g4 1.97x").
  void step(const std::string& note);
  void reach(int64_t done, const std::string& note);  // so many units are done
  void stage(const std::string& what);                // "warm-up", "fenced pass"
  void clear();  // removes the terminal's line, so that something else can be printed

 private:
  void show(bool force);
  std::string line() const;

  std::string title_, unit_, stage_, note_;
  int64_t total_, done_ = 0, skipped_ = 0;
  double start_, shown_;
  bool terminal_, drawn_ = false;
};

// Running speed-up of each arm: tokens and seconds, as the records come in.
class RunningSpeeds {
 public:
  void add(const std::string& arm, bool baseline, int64_t tokens, double seconds);
  std::string note() const;  // "ar 850 tok/s, sps-g4 1.97x"

 private:
  struct Total {
    std::string arm;
    bool baseline;
    double tokens, seconds;
  };
  std::vector<Total> totals_;
};

}  // namespace specula
