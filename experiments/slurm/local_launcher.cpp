#include "experiments/slurm/local_launcher.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <optional>
#include <thread>

#include "framework/core/error.h"
#include "framework/core/log.h"

namespace specula {
namespace {

constexpr auto kPause = std::chrono::milliseconds(20);

struct Task {
  int shard = 0, requeued = 0;
  pid_t process = 0;
};

pid_t start(const std::filesystem::path& script, const std::filesystem::path& log, int shard) {
  const pid_t child = ::fork();
  if (child < 0) throw Error("cannot start a process for a shard");
  if (child > 0) return child;
  const int file = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(file, STDOUT_FILENO);
  ::dup2(file, STDERR_FILENO);
  ::setpgid(0, 0);  // a Ctrl-C reaches the launcher, which tells the tasks
  ::setenv("SLURM_ARRAY_TASK_ID", std::to_string(shard).c_str(), 1);
  ::unsetenv("SLURM_JOB_ID");  // of a job that this may be run in
  ::execl("/bin/bash", "bash", script.c_str(), nullptr);
  ::_exit(127);
}

// Exit status of the task; no value: it runs.
std::optional<int> ended(const Task& task) {
  int status = 0;
  if (::waitpid(task.process, &status, WNOHANG) == 0) return std::nullopt;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

class Launcher {
 public:
  Launcher(const ArrayJob& job, std::filesystem::path script, const SignalScope& signals)
      : job_(job), script_(std::move(script)), signals_(signals) {
    for (const int shard : job.tasks) waiting_.push_back({.shard = shard});
  }

  ExitCode run() {
    while (!waiting_.empty() || !running_.empty()) {
      start_more();
      std::this_thread::sleep_for(kPause);
      if (signals_.interrupted()) stop();
      reap();
    }
    return signals_.interrupted() ? signals_.code() : worst_;
  }

 private:
  void start_more() {
    const auto most = static_cast<size_t>(std::max(job_.parallel, 1));
    while (!waiting_.empty() && running_.size() < most) {
      Task task = waiting_.front();
      waiting_.pop_front();
      task.process = start(script_, job_.logs / cat("local_", task.shard, ".log"), task.shard);
      log::info(cat("shard ", task.shard, " of ", job_.shards, " is process ", task.process));
      running_.push_back(task);
    }
  }

  void stop() {
    waiting_.clear();
    if (stopped_) return;
    stopped_ = true;
    for (const Task& task : running_) ::kill(task.process, SIGTERM);
  }

  void reap() {
    std::vector<Task> still;
    for (const Task& task : running_) {
      const std::optional<int> code = ended(task);
      if (!code) {
        still.push_back(task);
      } else if (*code == static_cast<int>(ExitCode::kInterrupted) && task.requeued < job_.max_requeue && !stopped_) {
        waiting_.push_back({.shard = task.shard, .requeued = task.requeued + 1});
      } else if (*code != 0 && *code != static_cast<int>(ExitCode::kExpectation)) {  // merging tells of that
        log::warning(cat("shard ", task.shard, " of ", job_.shards, " ended with ", *code));
        worst_ = *code == static_cast<int>(ExitCode::kPartial) && worst_ != ExitCode::kRuntime ? ExitCode::kPartial
                                                                                               : ExitCode::kRuntime;
      }
    }
    running_ = std::move(still);
  }

  const ArrayJob& job_;
  std::filesystem::path script_;
  const SignalScope& signals_;
  std::deque<Task> waiting_;
  std::vector<Task> running_;
  bool stopped_ = false;
  ExitCode worst_ = ExitCode::kOk;
};

}  // namespace

ExitCode run_tasks_here(const ArrayJob& job, const std::filesystem::path& script, const SignalScope& signals) {
  return Launcher(job, script, signals).run();
}

}  // namespace specula
