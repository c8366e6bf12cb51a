#include "experiments/study/sweep.h"

#include <algorithm>

#include "experiments/config/config_reader.h"

namespace specula {
namespace {

// Points that are multiplied with those of every other axis.
struct Axis {
  std::vector<std::string> paths;
  std::vector<std::vector<Assignment>> points;
};

// The tables of [[sweep.grid]] and its kin; a single [sweep.grid] is one of them.
std::vector<Value> tables_of(const Value& sweep, const std::string& key) {
  const Value* given = sweep.find(key);
  if (given == nullptr) return {};
  if (given->is_table()) return {*given};
  const auto wrong = [&](const Value& value) {
    return ConfigError(cat(value.origin, ": sweep.", key, " is ", kind_name(value), "; expected [[sweep.", key, "]]"));
  };
  if (!given->is_array()) throw wrong(*given);
  for (const Value& table : given->array()) {
    if (!table.is_table()) throw wrong(table);
  }
  return given->array();
}

Axis grid_axis(const std::string& path, std::vector<Value> values) {
  Axis axis{.paths = {path}, .points = {}};
  for (Value& value : values) axis.points.push_back({{path, std::move(value)}});
  return axis;
}

Axis zip_axis(const Value& table) {
  Axis axis;
  for (const Entry& entry : table.table()) {
    const std::vector<Value> values = axis_values(entry.value, entry.key);
    if (!axis.paths.empty() && values.size() != axis.points.size()) {
      throw ConfigError(cat(entry.value.origin, ": ", entry.key, " has ", values.size(), " values, but ", axis.paths[0],
                            " has ", axis.points.size(), "; keys of one [[sweep.zip]] move together"));
    }
    axis.paths.push_back(entry.key);
    axis.points.resize(values.size());
    for (size_t i = 0; i < values.size(); ++i) axis.points[i].push_back({entry.key, values[i]});
  }
  return axis;
}

int64_t whole_key(const Value& table, const std::string& key, int64_t low, int64_t high, const Value* given) {
  const auto* number = given == nullptr ? nullptr : std::get_if<int64_t>(&given->data);
  if (number != nullptr && *number >= low && *number <= high) return *number;
  throw ConfigError(cat(given == nullptr ? table.origin : given->origin, ": [sweep.random] ", key,
                        given == nullptr ? " is missing" : cat(" = ", to_text(*given)),
                        "; expected a whole number from ", low, " to ", high));
}

Axis random_axis(const Value& table) {
  const int64_t n = whole_key(table, "n", 1, static_cast<int64_t>(kMostAxisValues), table.find("n"));
  const Value* seed = table.find("seed");
  const int64_t seeded = seed == nullptr ? 0 : whole_key(table, "seed", 0, kMaxInteger, seed);
  Axis axis;
  axis.points.resize(static_cast<size_t>(n));
  for (const Entry& entry : table.table()) {
    if (entry.key == "n" || entry.key == "seed") continue;
    axis.paths.push_back(entry.key);
    std::vector<Value> values = random_values(entry.value, entry.key, n, static_cast<uint64_t>(seeded));
    for (size_t i = 0; i < values.size(); ++i) axis.points[i].push_back({entry.key, std::move(values[i])});
  }
  if (axis.paths.empty()) throw ConfigError(table.origin + ": [sweep.random] names no key to draw");
  return axis;
}

SweepPoint list_point(const Value& table) {
  SweepPoint point;
  for (const Entry& entry : table.table()) {
    const bool fits = entry.key == "label" ? entry.value.is_string() : entry.key == "set" && entry.value.is_table();
    if (!fits) {
      throw ConfigError(cat(entry.value.origin, ": [[sweep.list]] ", entry.key, " = ", to_text(entry.value),
                            "; expected label = \"...\" and set = { \"a.b\" = value }"));
    }
    if (entry.key == "label") point.label = entry.value.string();
    if (entry.key != "set") continue;
    for (const Entry& set : entry.value.table()) point.set.push_back({set.key, set.value});
  }
  if (point.set.empty())
    throw ConfigError(table.origin + ": [[sweep.list]] sets no key; expected set = { \"a.b\" = value }");
  return point;
}

std::pair<std::string, std::string> split_flag(const std::string& flag) {
  const size_t sign = flag.find('=');
  if (sign == std::string::npos || sign == 0)
    throw ConfigError(cat("--sweep ", flag, ": expected the form key=1-8 or key=1,2,4"));
  return {flag.substr(0, sign), flag.substr(sign + 1)};
}

std::vector<Axis> file_axes(const Value& sweep) {
  std::vector<Axis> axes;
  for (const Value& table : tables_of(sweep, "grid")) {
    for (const Entry& entry : table.table()) axes.push_back(grid_axis(entry.key, axis_values(entry.value, entry.key)));
  }
  for (const Value& table : tables_of(sweep, "zip")) {
    axes.push_back(zip_axis(table));
    if (axes.back().points.empty()) throw ConfigError(table.origin + ": [[sweep.zip]] names no key");
  }
  if (const Value* random = sweep.find("random")) {
    if (!random->is_table())
      throw ConfigError(cat(random->origin, ": sweep.random is ", kind_name(*random), "; expected [sweep.random]"));
    axes.push_back(random_axis(*random));
  }
  return axes;
}

void add_flags(const std::vector<std::string>& flags, std::vector<Axis>& axes) {
  for (const std::string& flag : flags) {
    const auto [path, text] = split_flag(flag);
    Axis axis = grid_axis(path, axis_values_of_flag(text, path, "--sweep " + flag));
    const std::string& name = axis.paths[0];
    const auto same = std::find_if(axes.begin(), axes.end(),
                                   [&](const Axis& other) { return other.paths == std::vector<std::string>{name}; });
    if (same != axes.end()) {
      *same = std::move(axis);
    } else {
      axes.push_back(std::move(axis));
    }
  }
}

void check_paths(const std::vector<Axis>& axes, const std::vector<std::string>& sets) {
  std::vector<std::string> seen;
  for (const Axis& axis : axes) {
    for (size_t i = 0; i < axis.paths.size(); ++i) {
      const std::string& path = axis.paths[i];
      const std::string& origin = axis.points[0][i].value.origin;
      if (std::find(seen.begin(), seen.end(), path) != seen.end())
        throw ConfigError(cat(origin, ": ", path, " is swept twice"));
      seen.push_back(path);
      for (const std::string& set : sets) {
        if (set.substr(0, set.find('=')) != path) continue;
        throw ConfigError(
            cat("--set ", set, ": ", path, " is swept (", origin, "); --sweep ", set, " sweeps it over that alone"));
      }
    }
  }
}

void multiply(const std::vector<Axis>& axes, Sweep& sweep) {
  double count = axes.empty() ? 0 : 1;
  for (const Axis& axis : axes) count *= static_cast<double>(axis.points.size());
  if (count + static_cast<double>(sweep.points.size()) > static_cast<double>(sweep.keys.max_cells)) {
    throw ConfigError(cat(sweep.origin, ": [sweep] has ",
                          static_cast<int64_t>(std::min(count, 9e18)) + static_cast<int64_t>(sweep.points.size()),
                          " cells; max_cells = ", sweep.keys.max_cells, " allows no more"));
  }
  std::vector<SweepPoint> product(axes.empty() ? 0 : 1);
  for (const Axis& axis : axes) {
    std::vector<SweepPoint> longer;
    for (const SweepPoint& point : product) {
      for (const std::vector<Assignment>& more : axis.points) {
        longer.push_back(point);
        longer.back().set.insert(longer.back().set.end(), more.begin(), more.end());
      }
    }
    product = std::move(longer);
  }
  sweep.points.insert(sweep.points.begin(), std::make_move_iterator(product.begin()),
                      std::make_move_iterator(product.end()));
}

SweepKeys read_keys(const Value& sweep) {
  Value plain = sweep;
  for (const char* part : {"grid", "zip", "list", "random"}) plain.erase(part);
  SweepKeys keys;
  Problems problems;
  read_section(plain, "[sweep]", keys, problems);
  if (!problems.lines.empty()) throw ConfigError(join(problems.lines, "\n"));
  return keys;
}

}  // namespace

Sweep take_sweep(Value& root, const std::vector<std::string>& flags, const std::vector<std::string>& sets) {
  const Value* given = root.find("sweep");
  if (given != nullptr && !given->is_table())
    throw ConfigError(cat(given->origin, ": sweep is ", kind_name(*given), "; expected a table [sweep]"));
  const Value table = given != nullptr ? *given : Value{.data = Value::Table{}, .origin = "--sweep"};
  root.erase("sweep");
  Sweep sweep{.keys = read_keys(table), .origin = table.origin, .paths = {}, .points = {}};
  std::vector<Axis> axes = file_axes(table);
  add_flags(flags, axes);
  check_paths(axes, sets);
  for (const Value& point : tables_of(table, "list")) sweep.points.push_back(list_point(point));
  const std::vector<SweepPoint> listed = sweep.points;
  multiply(axes, sweep);
  const auto note = [&](const std::string& path) {
    if (std::find(sweep.paths.begin(), sweep.paths.end(), path) == sweep.paths.end()) sweep.paths.push_back(path);
  };
  for (const Axis& axis : axes) std::for_each(axis.paths.begin(), axis.paths.end(), note);
  for (const SweepPoint& point : listed) {
    for (const Assignment& set : point.set) note(set.path);
  }
  return sweep;
}

// A plug-in's name is told by what it is: arm.a.verifier.name is a verifier.
std::string shown_path(const std::string& path) {
  return path.ends_with(".name") ? path.substr(0, path.size() - 5) : path;
}

std::string short_name(const std::string& path, const std::vector<std::string>& paths) {
  const std::string shown = shown_path(path);
  for (size_t dot = shown.rfind('.'); dot != std::string::npos && dot > 0; dot = shown.rfind('.', dot - 1)) {
    const std::string end = shown.substr(dot);
    const auto alike = std::count_if(
        paths.begin(), paths.end(), [&](const std::string& other) { return ("." + shown_path(other)).ends_with(end); });
    if (alike <= 1) return end.substr(1);
  }
  return shown;
}

std::string short_text(const Value& value) {
  return value.is_string() ? value.string().substr(value.string().find_last_of('/') + 1) : to_text(value);
}

std::string label_of(const SweepPoint& point, const std::vector<std::string>& paths) {
  if (!point.label.empty()) return point.label;
  std::vector<std::string> parts;
  for (const Assignment& set : point.set) parts.push_back(cat(short_name(set.path, paths), "=", short_text(set.value)));
  return join(parts, " ");
}

}  // namespace specula
