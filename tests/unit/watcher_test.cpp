// The watcher on libvirt's own test driver, whose VMs all connections of this process share.
#define BOOST_TEST_MODULE watcher
#include <boost/filesystem.hpp>
#include <boost/test/unit_test.hpp>
#include <mutex>
#include <sstream>
#include <thread>

#include "host.hpp"
#include "vdsm_hook/hookpoints/lifecycles.hpp"
#include "vdsm_hook/libvirt/handles.hpp"
#include "vdsm_hook/libvirt/watcher.hpp"
#include "vdsm_hook/libvirt_hooks/vm_journal.hpp"

using namespace vdsm_hook;
using namespace vdsm_hook::test;
using namespace std::chrono_literals;

namespace {

// Hooks after PHASES append the event to HOST/record.
class Watched {
 public:
  explicit Watched(std::string uri) {
    for (const auto* phase :
         {&phases::kPause, &phases::kContinue, &phases::kHibernate, &phases::kLeave, &phases::kArrive})
      host.file(phase->after[0], "50_record", "#!/bin/sh\necho $VDSM_HOOK_EVENT $vmId >>" + host.root() + "/record\n");
    options_.uri = std::move(uri);
    options_.first_pause = 5ms;
    options_.longest_pause = 20ms;
    options_.log = [this](LogLevel, const std::string& text) { add("log " + text); };
    options_.on_connection = [this](bool is_connected, const std::string& text) {
      add((is_connected ? "up " : "down ") + text);
    };
    thread_ = std::jthread([this](const std::stop_token& stop) { watch(engine_, options_, stop); });
  }
  void stop() {
    thread_.request_stop();
    thread_.join();
  }
  bool says(const std::string& words) {
    return eventually([&] { return count(words) > 0; });
  }
  std::size_t count(const std::string& words) {
    const std::lock_guard alone(mutex_);
    std::size_t found = 0;
    for (std::size_t at = 0; (at = said_.find(words, at)) != std::string::npos; at += words.size()) ++found;
    return found;
  }
  bool saw(const std::string& lines) {
    return eventually([&] { return host.read("record").size() >= lines.size(); }) && host.read("record") == lines;
  }

  Host host;

 private:
  void add(const std::string& text) {
    const std::lock_guard alone(mutex_);
    said_ += text + "\n";
  }
  const Engine engine_{host.settings()};
  WatchOptions options_;
  std::mutex mutex_;
  std::string said_;
  std::jthread thread_;
};

std::string line(const Phase& phase, const std::string& uuid) {
  return std::string(phase.after[0]) + " " + uuid + "\n";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_vm_that_others_pause_save_and_start_fires_each_event_once) {
  const auto connection = connect_to("test:///default");
  const DomainHandle vm(::virDomainLookupByName(connection.get(), "test"));
  BOOST_REQUIRE(vm);
  const auto uuid = uuid_of(vm.get());
  Watched watched("test:///default");
  BOOST_REQUIRE(watched.says("up listening to test:///default"));
  BOOST_REQUIRE(::virDomainSuspend(vm.get()) == 0);
  BOOST_REQUIRE(::virDomainResume(vm.get()) == 0);
  std::string wanted = line(phases::kPause, uuid) + line(phases::kContinue, uuid);
  BOOST_TEST(watched.saw(wanted), watched.host.read("record"));
  // This driver does not say that the guest runs: a start is enough.
  BOOST_REQUIRE(::virDomainDestroy(vm.get()) == 0);
  BOOST_REQUIRE(::virDomainCreate(vm.get()) == 0);
  BOOST_REQUIRE(::virDomainSuspend(vm.get()) == 0);
  BOOST_REQUIRE(::virDomainResume(vm.get()) == 0);
  wanted += line(phases::kPause, uuid) + line(phases::kContinue, uuid);
  BOOST_TEST(watched.saw(wanted), watched.host.read("record"));
  BOOST_REQUIRE(::virDomainSave(vm.get(), (watched.host.root() + "/image").c_str()) == 0);
  BOOST_TEST(watched.saw(wanted + line(phases::kHibernate, uuid)), watched.host.read("record"));
  watched.stop();
  BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(a_vm_that_is_paused_when_it_begins_to_listen_was_not_paused_now) {
  const auto connection = connect_to("test:///default");
  const DomainHandle vm(::virDomainLookupByName(connection.get(), "test"));
  BOOST_REQUIRE(vm && ::virDomainSuspend(vm.get()) == 0);
  Watched watched("test:///default");
  BOOST_REQUIRE(watched.says("up "));
  BOOST_REQUIRE(::virDomainResume(vm.get()) == 0);
  BOOST_TEST(watched.saw(line(phases::kContinue, uuid_of(vm.get()))), watched.host.read("record"));
}

BOOST_AUTO_TEST_CASE(a_vm_that_another_host_sends_without_its_memory_gets_what_follows_once) {
  const std::string uuid = "33333333-3333-4333-8333-333333333333";
  const auto xml = "<domain type='test'><name>sent</name><uuid>" + uuid +
                   "</uuid><memory>8192</memory><os><type>hvm</type></os></domain>";
  const auto connection = connect_to("test:///default");
  Watched watched("test:///default");
  BOOST_REQUIRE(watched.says("up "));
  VmJournal journal(VmDirectory(watched.host.runtime_dir(), uuid));
  journal.change([](VmRecord& record) {
    record.seen = {std::string(seen::kMigrate), false};
  });  // as the bridge leaves it
  DomainHandle vm(::virDomainDefineXML(connection.get(), xml.c_str()));
  BOOST_REQUIRE(vm);
  BOOST_TEST(watched.saw(line(phases::kArrive, uuid)), watched.host.read("record"));
  BOOST_TEST(journal.read().seen.word == "");
  vm.reset(::virDomainDefineXML(connection.get(), xml.c_str()));  // by anybody
  BOOST_REQUIRE(vm && ::virDomainCreate(vm.get()) == 0 && ::virDomainSuspend(vm.get()) == 0);
  BOOST_TEST(watched.saw(line(phases::kArrive, uuid) + line(phases::kPause, uuid)), watched.host.read("record"));
  ::virDomainDestroy(vm.get());
  ::virDomainUndefine(vm.get());
}

BOOST_AUTO_TEST_CASE(stop_ends_it_while_it_waits_for_libvirt) {
  Watched watched("qemu+unix:///system?socket=/nonexistent/socket");
  BOOST_REQUIRE(watched.says("log failed to connect"));
  watched.stop();
  BOOST_TEST(watched.count("up ") == 0U);
}
