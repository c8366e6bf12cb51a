// The shards of an experiment as a Slurm job array: one script that runs the task whose number Slurm gives it, and the
// command that merges when all tasks have ended.  Pure functions of what is to be run.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace specula {

struct ArrayJob {
  std::string name;
  std::filesystem::path program, directory;  // absolute: the binary, and where the tasks are started
  std::vector<std::string> run_words;        // behind `specula run`: the configuration and its overrides
  std::filesystem::path folder;              // of the run or study, absolute
  std::filesystem::path logs;                // folder of what the tasks print, absolute
  int shards = 1;
  std::vector<int> tasks;    // shards to run, ascending
  int parallel = 0;          // at once; 0: no bound
  int max_requeue = 0;       // of a task
  std::string sbatch_words;  // arguments of sbatch, as a shell takes them
};

std::string task_list(const std::vector<int>& tasks);  // "0-3,5"

std::string array_script(const ArrayJob& job);
std::string merge_command_of(const ArrayJob& job);                                   // specula merge FOLDER
std::string submit_merge_command(const ArrayJob& job, const std::string& array_id);  // sbatch --dependency=...

}  // namespace specula
