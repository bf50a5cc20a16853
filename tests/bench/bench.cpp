// How fast the engine is, as ratios within one run: each number beside what it is compared with, measured in turns.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <tinyxml2.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cstdio>
#include <fstream>
#include <map>
#include <thread>

#include "vdsm_hook/engine/engine.hpp"
#include "vdsm_hook/properties/editor.hpp"
#include "vdsm_hook/properties/validation.hpp"

namespace {

namespace fs = boost::filesystem;
using vdsm_hook::Engine;
using vdsm_hook::Request;
using vdsm_hook::Settings;

constexpr const char* kEvent = "before_vm_start";

// A directory of our own that goes away at the end.
class Place {
 public:
  Place() : root_(fs::temp_directory_path() / fs::unique_path("vdsm-hook-bench-%%%%%%%%")) {
    fs::create_directories(root_);
  }
  ~Place() { fs::remove_all(root_); }
  fs::path event_dir(const std::string& set) {
    const auto dir = root_ / set / kEvent;
    fs::create_directories(dir);
    return dir;
  }
  void put(const std::string& set, const std::string& name, const char* program) {
    const auto target = event_dir(set) / name;
    fs::copy_file(program, target);
    ::chmod(target.c_str(), 0755);
  }
  Settings settings(const std::string& set) const {
    Settings settings;
    settings.paths.hooks_dirs = {(root_ / set).string()};
    settings.paths.runtime_dir = (root_ / "run").string();
    settings.paths.helper = VDSM_HOOK_HELPER;
    return settings;
  }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream((root_ / name).string()) << text;
    return (root_ / name).string();
  }
  const fs::path& root() const { return root_; }

 private:
  fs::path root_;
};

// CUSTOM: the VM's custom properties.
std::string domain(std::size_t bytes, const std::string& name = "vm", const std::string& custom = "") {
  std::string text = "<domain type='kvm'>\n  <name>" + name +
                     "</name>\n  <uuid>aaaaaaaa-0000-0000-0000-000000000001</uuid>\n  <memory unit='MiB'>64</memory>\n"
                     "  <metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'><o:custom>" +
                     custom +
                     "</o:custom></o:vm>"
                     "</metadata>\n  <devices>\n";
  while (text.size() < bytes)
    text +=
        "    <interface type='bridge'>\n      <mac address='52:54:00:00:00:01'/>\n      <source bridge='br0'/>\n"
        "      <bandwidth>\n        <inbound average='1000' peak='5000' floor='200' burst='1024'/>\n"
        "        <outbound average='128' peak='256' burst='256'/>\n      </bandwidth>\n      <target dev='vnet0'/>\n"
        "      <model type='virtio'/>\n      <driver name='vhost' txmode='iothread' ioeventfd='on' event_idx='off' "
        "queues='5'/>\n"
        "      <alias name='net0'/>\n      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' "
        "function='0x0'/>\n    </interface>\n";
  return text + "  </devices>\n</domain>\n";
}

Request request(std::size_t bytes, const std::string& name = "vm") {
  Request made;
  made.event = kEvent;
  made.document = domain(bytes, name);
  return made;
}

// Definitions and values of COUNT properties, in the forms that are in use.
struct Properties {
  std::string definitions, values;
};
Properties properties(int count) {
  const std::pair<const char*, const char*> forms[] = {{"^(true|false)$", "true"},
                                                       {"^[0-9]+$", "1024"},
                                                       {"^(none|writeback|writethrough)$", "writeback"},
                                                       {"^.*$", "any text at all"},
                                                       {"^([+-]?[a-zA-Z0-9_-]+)(,[+-]?[a-zA-Z0-9_-]+)*$", "+vmx,-svm"}};
  Properties made;
  for (int i = 0; i < count; ++i) {
    const auto& [pattern, value] = forms[i % 5];
    const auto name = (i == 0 ? "p" : ";p") + std::to_string(1000 + i) + "=";  // as long for each count
    made.definitions += name + pattern;
    made.values += name + value;
  }
  return made;
}

void wait_for(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, 0) < 0 || status != 0) std::abort();
}

double peak_mib(const std::vector<std::string>& words) {
  std::string line = VDSM_HOOK_PEAK;
  for (const auto& word : words) line += " '" + word + "'";
  FILE* pipe = ::popen(line.c_str(), "r");
  long kib = 0;
  if (pipe == nullptr || std::fscanf(pipe, "%ld", &kib) != 1 || ::pclose(pipe) != 0) std::abort();
  return static_cast<double>(kib) / 1024;
}

pid_t spawn(std::vector<std::string> words, const std::string& input = "/dev/null") {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, input.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = 0;
  if (::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) std::abort();
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

void must_run(const Engine& engine, const Request& made) {
  const auto report = engine.run(made);
  if (report.vetoed || !report.problems.empty()) {
    std::fprintf(stderr, "the benchmark's event failed: %s\n", report.problems.at(0).why.c_str());
    std::abort();
  }
}

// The medians by name, for the table.
class Collector : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const auto& run : runs)
      if (run.run_type == Run::RT_Aggregate && run.aggregate_name == "median")
        micros[run.run_name.function_name] =
            run.GetAdjustedRealTime() / (run.time_unit == benchmark::kMillisecond   ? 1e-3
                                         : run.time_unit == benchmark::kMicrosecond ? 1
                                                                                    : 1e3);
    ConsoleReporter::ReportRuns(runs);
  }
  std::map<std::string, double> micros;
};

void add(const std::string& name, const std::function<void()>& work) {
  benchmark::RegisterBenchmark(name.c_str(),
                               [work](benchmark::State& state) {
                                 for (auto _ : state) work();
                               })
      ->Unit(benchmark::kMicrosecond)
      ->UseRealTime();
}

struct Row {
  const char* what;
  double value;
  double at_most;
  const char* unit;
};

}  // namespace

int main(int argc, char** argv) {
  ::umask(022);
  Place place;
  for (int i = 0; i < 100; ++i) place.put("hundred", "h" + std::to_string(100 + i), VDSM_HOOK_NOOP);
  for (int i = 0; i < 20; ++i) {
    const auto name = "s" + std::to_string(10 + i);
    place.put("skipped", name, VDSM_HOOK_NOOP);
    place.write("skipped/" + std::string(kEvent) + "/" + name + ".toml",
                "summary = \"bench\"\ntimeout = \"30s\"\n[when]\nproperty = { macspoof = \"^(true|false)$\" }\n");
  }
  // As hooks of ours have them.
  for (int i = 0; i < 80; ++i) {
    const auto number = std::to_string(10 + i);
    const auto sidecar = "name = \"hook" + number +
                         "\"\nsummary = \"Does what its property says, when it is there\"\n\n[vm_properties]\nhook" +
                         number + " = \"^(([a-zA-Z0-9_-]*):(true|false))(,(([a-zA-Z0-9_-]*):(true|false)))*$\"\nlevel" +
                         number + " = \"^[0-9]{1,3}$\"\n\n" + "[device_properties.interface]\nspeed" + number +
                         " = \"^(10|100|1000)$\"\n\n[when]\nproperty = { hook" + number + " = \".+\" }\n";
    for (const auto* set : {"twenty", "eighty"}) {
      if (i >= 20 && set == std::string("twenty")) continue;
      place.put(set, "s" + number, VDSM_HOOK_NOOP);
      place.write(set + std::string("/") + kEvent + "/s" + number + ".toml", sidecar);
    }
  }
  place.put("edit", "10_rewrite", VDSM_HOOK_REWRITE);
  for (int i = 0; i < 5; ++i) place.put("five", "h" + std::to_string(i), VDSM_HOOK_NOOP);
  place.event_dir("empty");

  const Engine hundred(place.settings("hundred")), empty(place.settings("empty")), skipped(place.settings("skipped")),
      edit(place.settings("edit")), five(place.settings("five"));
  const auto small = request(10'000), large = request(10'000'000);
  must_run(skipped, small);

  const auto bare_loop = [&place] {
    for (int i = 0; i < 100; ++i)
      wait_for(spawn({(place.root() / "hundred" / kEvent / ("h" + std::to_string(100 + i))).string()}));
  };
  add("bare_loop_100", bare_loop);
  add("library_100_hooks", [&] { must_run(hundred, small); });
  add("library_empty_event", [&] { must_run(empty, small); });
  add("library_20_skipped_first", [&] { must_run(Engine(place.settings("skipped")), small); });
  add("library_20_skipped_again", [&] { must_run(skipped, small); });
  auto with_property = small;
  with_property.properties = {{"other", "1"}};  // a person gives it: the metadata's would be withheld with a problem
  add("library_20_skipped_with_property", [&] { must_run(skipped, with_property); });
  add("edit_10_kB", [&] { must_run(edit, small); });
  add("edit_10_MB", [&] { must_run(edit, large); });
  std::vector<Request> vms;
  for (int i = 0; i < 200; ++i) vms.push_back(request(10'000, "vm" + std::to_string(i)));
  add("events_200_in_turn", [&] {
    for (const auto& vm : vms) must_run(five, vm);
  });
  add("events_200_on_8_threads", [&] {
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (std::size_t i = t; i < vms.size(); i += 8) must_run(five, vms[i]);
      });
    for (auto& thread : threads) thread.join();
  });
  const auto hundred_properties = properties(100), thousand_properties = properties(1000);
  const auto definitions = vdsm_hook::parse_vm_definitions(hundred_properties.definitions, "bench");
  add("validate_100", [&] {
    if (!vdsm_hook::validate(hundred_properties.values, definitions).empty()) std::abort();
  });
  add("definitions_100",
      [&] { benchmark::DoNotOptimize(vdsm_hook::parse_vm_definitions(hundred_properties.definitions, "bench")); });
  add("definitions_1000",
      [&] { benchmark::DoNotOptimize(vdsm_hook::parse_vm_definitions(thousand_properties.definitions, "bench")); });
  add("values_100", [&] { benchmark::DoNotOptimize(vdsm_hook::read_values(hundred_properties.values)); });
  add("values_1000", [&] { benchmark::DoNotOptimize(vdsm_hook::read_values(thousand_properties.values)); });
  const auto megabyte = domain(1'000'000);
  add("set_property_in_1_MB", [&] { vdsm_hook::DomainEditor(megabyte).set_vm({{"macspoof", "true"}}); });
  add("tinyxml2_parse_1_MB", [&] {
    tinyxml2::XMLDocument document;
    if (document.Parse(megabyte.data(), megabyte.size()) != tinyxml2::XML_SUCCESS) std::abort();
  });
  const auto vm_file = place.write("vm.xml", small.document);
  const auto command_with = [&](const std::string& hooks) -> std::vector<std::string> {
    return {VDSM_HOOK_COMMAND,
            "run",
            kEvent,
            "--domxml",
            vm_file,
            "--hooks-dir",
            (place.root() / hooks).string(),
            "--runtime-dir",
            (place.root() / "run").string()};
  };
  const auto command = command_with("empty"), command_20 = command_with("twenty"), command_80 = command_with("eighty");
  add("bin_true", [&] { wait_for(spawn({"/bin/true"})); });
  add("command_empty_event", [&] { wait_for(spawn(command)); });
  add("command_20_skipped", [&] { wait_for(spawn(command_20)); });
  add("command_80_skipped", [&] { wait_for(spawn(command_80)); });
  const auto bridge = (place.root() / "libvirt/qemu.d/50-vdsm-hook").string();
  fs::create_directories(fs::path(bridge).parent_path());
  fs::create_symlink(VDSM_HOOK_COMMAND, bridge);
  for (const auto& [name, value] : {std::pair("HOOKS_DIR", "empty"), {"CONFIG_DIR", "config"}, {"RUNTIME_DIR", "run"}})
    ::setenv((std::string("VDSM_HOOK_") + name).c_str(), (place.root() / value).c_str(), 1);
  const auto call_bridge = [&](const std::string& hooks) {
    ::setenv("VDSM_HOOK_HOOKS_DIR", (place.root() / hooks).c_str(), 1);
    wait_for(spawn({bridge, "vm", "prepare", "begin", "-"}, vm_file));
  };
  add("bridge_nothing_to_run", [&] { call_bridge("empty"); });
  add("bridge_20_skipped", [&] { call_bridge("twenty"); });

  std::vector<char*> arguments(argv, argv + argc);
  std::string defaults[] = {"--benchmark_repetitions=15", "--benchmark_enable_random_interleaving=true",
                            "--benchmark_report_aggregates_only=true", "--benchmark_min_time=0.2"};
  for (auto& word : defaults) arguments.insert(arguments.begin() + 1, word.data());
  auto count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  Collector collector;
  benchmark::RunSpecifiedBenchmarks(&collector);

  // Once more with 512 MiB in this process, every page of it touched.
  benchmark::ClearRegisteredBenchmarks();
  std::vector<char> ballast(512U << 20, 1);
  add("bare_loop_100_in_512_MiB", bare_loop);
  add("library_100_hooks_in_512_MiB", [&] { must_run(hundred, small); });
  benchmark::RunSpecifiedBenchmarks(&collector);
  benchmark::DoNotOptimize(ballast.data());

  auto& us = collector.micros;
  const Row rows[] = {
      {"100 no-op hooks / posix_spawn + waitpid", us["library_100_hooks"] / us["bare_loop_100"], 1.15, "x"},
      {"the same in a parent of 512 MiB", us["library_100_hooks_in_512_MiB"] / us["bare_loop_100_in_512_MiB"], 1.15,
       "x"},
      {"event with an empty directory", us["library_empty_event"], 20, "us"},
      {"20 hooks skipped, sidecars not read yet", us["library_20_skipped_first"], 1000, "us"},
      {"20 hooks skipped, sidecars read", us["library_20_skipped_again"], 100, "us"},
      {"the same with a property nobody defines", us["library_20_skipped_with_property"], 200, "us"},
      {"vdsm-hook run, empty event / bin/true", us["command_empty_event"] / us["bin_true"], 3, "x"},
      {"bridge call with nothing to run / bin/true", us["bridge_nothing_to_run"] / us["bin_true"], 5, "x"},
      {"run, 20 skipped, beyond an empty event", us["command_20_skipped"] - us["command_empty_event"], 1000, "us"},
      {"run, 80 skipped, beyond an empty event", us["command_80_skipped"] - us["command_empty_event"], 4000, "us"},
      {"bridge, 20 skipped, beyond nothing to run", us["bridge_20_skipped"] - us["bridge_nothing_to_run"], 1000, "us"},
      {"vdsm-hook run, peak memory, 10 kB document", peak_mib(command), 12, "MiB"},
      {"10 MB document / 1000 times 10 kB document", us["edit_10_MB"] / (1000 * us["edit_10_kB"]), 1, "x"},
      {"200 events on 8 threads / in turn", us["events_200_on_8_threads"] / us["events_200_in_turn"], 1, "x"},
      {"100 values against 100 definitions", us["validate_100"], 100, "us"},
      {"1000 definitions / 10 times 100", us["definitions_1000"] / (10 * us["definitions_100"]), 1.5, "x"},
      {"1000 values / 10 times 100", us["values_1000"] / (10 * us["values_100"]), 1.5, "x"},
      {"a property set in 1 MB / tinyxml2 parses it", us["set_property_in_1_MB"] / us["tinyxml2_parse_1_MB"], 5, "x"},
  };
  std::printf("\n%-46s %10s %10s\n", "what", "measured", "at most");
  for (const auto& row : rows)
    std::printf("%-46s %7.2f %-3s %7.2f %-3s%s\n", row.what, row.value, row.unit, row.at_most, row.unit,
                row.value <= row.at_most ? "" : "  MISSED");
  return 0;
}
