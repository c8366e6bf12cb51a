// `specula export`: a run for other programs, or for other people.  Licence: Apache-2.0.
#include <iostream>

#include "experiments/commands.h"
#include "experiments/runs/export_spec_bench.h"
#include "experiments/runs/export_tables.h"
#include "experiments/runs/public_copy.h"

namespace specula {

ExitCode export_command(const ExportArgs& args) {
  if (args.out.empty() == args.public_folder.empty())
    throw ConfigError(
        cat("specula export: ", args.out.empty() ? "neither --out nor --public is" : "--out and --public are",
            " given; expected one of them"));
  if (!args.public_folder.empty()) {
    for (const std::string& note : copy_for_public(args.folder, args.public_folder, identity_of_process()))
      std::cerr << note << "\n";
    std::cout << "Wrote " << args.public_folder << "\n";
    return ExitCode::kOk;
  }
  if (args.format == "spec-bench") {
    for (const auto& file : write_spec_bench(args.folder, args.out)) std::cout << "Wrote " << file.string() << "\n";
    return ExitCode::kOk;
  }
  const std::vector<Table> tables = run_tables(args.folder);
  if (args.format == "sqlite") {
    write_sqlite(tables, args.out);
  } else if (args.format == "jsonl") {
    write_jsonl(tables, args.out);
  } else {
    write_csv(tables, args.out);
  }
  for (const Table& table : tables) std::cout << table.name << "  " << table.rows.size() << " rows\n";
  std::cout << "Wrote " << args.out << "\n";
  return ExitCode::kOk;
}

}  // namespace specula
