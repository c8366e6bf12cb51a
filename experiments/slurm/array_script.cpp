#include "experiments/slurm/array_script.h"

#include "experiments/pages/markup.h"
#include "framework/core/error.h"

namespace specula {
namespace {

// The task itself.  Slurm signals the script alone, which hands the signal on; `wait` ends early at each of them.  Only
// the notice before the end of the time (USR1) is a reason to queue again: who cancels a job wants it ended.
constexpr const char* kTask = R"(child=
cancelled=
heard=1
trap 'heard=1; [[ -n $child ]] && kill -USR1 "$child"' USR1
trap 'heard=1; cancelled=1; [[ -n $child ]] && kill -TERM "$child"' TERM
"${task[@]}" &
child=$!
while [[ -n $heard ]]; do
  heard=
  wait "$child"
  code=$?
done
if [[ $code == 75 && -z $cancelled && -n ${SLURM_JOB_ID:-} && ${SLURM_RESTART_COUNT:-0} -lt $max_requeue ]]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
)";

std::string words_text(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += " " + shell_quoted(word);
  return text;
}

}  // namespace

std::string task_list(const std::vector<int>& tasks) {
  std::vector<std::string> ranges;
  for (size_t i = 0; i < tasks.size();) {
    size_t last = i;
    while (last + 1 < tasks.size() && tasks[last + 1] == tasks[last] + 1) ++last;
    ranges.push_back(last == i ? cat(tasks[i]) : cat(tasks[i], "-", tasks[last]));
    i = last + 1;
  }
  return join(ranges, ",");
}

std::string array_script(const ArrayJob& job) {
  const std::string bound = job.parallel > 0 ? cat("%", job.parallel) : "";
  std::string text = cat("#!/bin/bash\n# The shards of ", job.name, ", as `specula slurm` wrote it.\n",  //
                         "#SBATCH --job-name=", shell_quoted(job.name), "\n",                            //
                         "#SBATCH --array=", task_list(job.tasks), bound, "\n",
                         "#SBATCH --signal=B:USR1@120\n#SBATCH --requeue\n#SBATCH --open-mode=append\n",
                         "#SBATCH --output=", shell_quoted((job.logs / "%A_%a.log").string()), "\n",
                         "#SBATCH --chdir=", shell_quoted(job.directory.string()), "\n");
  if (!job.sbatch_words.empty()) text += cat("#SBATCH ", job.sbatch_words, "\n");
  text += cat("# Its folder of logs must exist: mkdir -p ", shell_quoted(job.logs.string()),
              "\n# When all tasks have ended: ", merge_command_of(job), "\n",  //
              "max_requeue=", job.max_requeue, "\n",                           //
              "task=(", shell_quoted(job.program.string()), " run", words_text(job.run_words),
              " --shard \"$SLURM_ARRAY_TASK_ID/", job.shards, "\")\n");
  return text + kTask;
}

std::string merge_command_of(const ArrayJob& job) {
  return cat(shell_quoted(job.program.string()), " merge ", shell_quoted(job.folder.string()));
}

std::string submit_merge_command(const ArrayJob& job, const std::string& array_id) {
  return cat("sbatch --parsable --dependency=afterany:", array_id, " --job-name=", shell_quoted(job.name + "-merge"),
             " --output=", shell_quoted((job.logs / "%j-merge.log").string()),
             " --chdir=", shell_quoted(job.directory.string()), job.sbatch_words.empty() ? "" : " " + job.sbatch_words,
             " --wrap=", shell_quoted(merge_command_of(job)));
}

}  // namespace specula
