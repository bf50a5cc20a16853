// 100 VMs of libvirt's test driver, each started with 10 hooks: from 8 threads, against one after the other, in turns.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <boost/filesystem.hpp>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "vdsm_hook/hookpoints/lifecycles.hpp"
#include "vdsm_hook/libvirt/vm.hpp"

namespace {

namespace fs = boost::filesystem;
using namespace vdsm_hook;

constexpr int kVms = 100, kHooks = 10, kThreads = 8, kRounds = 5;

std::string name_of_vm(int n) { return "vm" + std::to_string(n); }

std::string domain_xml(int n) {
  char uuid[40];
  std::snprintf(uuid, sizeof uuid, "aaaaaaaa-0000-0000-0000-%012d", n);
  return "<domain type='test'><name>" + name_of_vm(n) + "</name><uuid>" + uuid +
         "</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type arch='i686'>hvm</type></os></domain>";
}

class Nobody final : public LifecycleObserver {
 public:
  void on_report(const Report& report, const std::string&) override { hooks += report.hooks.size(); }
  void on_note(const std::string&) override {}
  bool on_wait(const std::string&) override { return true; }
  std::size_t hooks = 0;
};

void start_vms(const Engine& engine, int threads) {
  std::atomic<int> next{0};
  std::vector<std::thread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([&] {
      Nobody observer;
      const VmHost host{connect_to("test:///default"), engine, {}, observer, {}};
      std::size_t count = 0;
      for (int n = next++; n < kVms; n = next++, ++count) {
        StartOptions options;
        if (start_vm(host, name_of_vm(n), options) != Ended::done) std::abort();
      }
      if (observer.hooks != count * kHooks) std::abort();
    });
  for (auto& worker : workers) worker.join();
}

double milliseconds(const Engine& engine, virConnect* connection, int threads) {
  const auto begin = std::chrono::steady_clock::now();
  start_vms(engine, threads);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
  for (int n = 0; n < kVms; ++n)
    ::virDomainDestroy(DomainHandle(::virDomainLookupByName(connection, name_of_vm(n).c_str())).get());
  return took.count();
}

}  // namespace

int main() {
  const auto root = fs::temp_directory_path() / fs::unique_path("vdsm-hook-bench-%%%%%%%%");
  const auto hooks = root / "hooks" / std::string(phases::kStart.before.back());
  fs::create_directories(hooks);
  for (int n = 0; n < kHooks; ++n) {
    const auto hook = hooks / ("50_noop" + std::to_string(n));
    fs::copy_file(VDSM_HOOK_NOOP, hook);
    ::chmod(hook.c_str(), 0755);
  }
  Settings settings;
  settings.paths.hooks_dirs = {(root / "hooks").string()};
  settings.paths.runtime_dir = (root / "run").string();
  settings.paths.launchflags_dir = (root / "flags").string();
  settings.paths.helper = VDSM_HOOK_HELPER;
  const Engine engine(settings);
  const auto connection = connect_to("test:///default");  // keeps the VMs
  for (int n = 0; n < kVms; ++n)
    if (!DomainHandle(::virDomainDefineXML(connection.get(), domain_xml(n).c_str()))) std::abort();

  std::vector<double> one, many;
  for (int round = 0; round < kRounds; ++round) {
    one.push_back(milliseconds(engine, connection.get(), 1));
    many.push_back(milliseconds(engine, connection.get(), kThreads));
  }
  fs::remove_all(root);
  std::sort(one.begin(), one.end());
  std::sort(many.begin(), many.end());
  std::printf("100 VMs with 10 hooks each: in turn %.0f ms, from 8 threads %.0f ms: %.2f x (at most 1.00 x)\n",
              one[kRounds / 2], many[kRounds / 2], many[kRounds / 2] / one[kRounds / 2]);
  return 0;
}
