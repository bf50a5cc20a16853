// A host whose hooks write down what they got, for what libvirt calls the bridge with.
#pragma once

#include <sys/stat.h>

#include <boost/filesystem.hpp>
#include <boost/test/unit_test.hpp>
#include <sstream>

#include "host.hpp"
#include "vdsm_hook/libvirt_hooks/bridge.hpp"
#include "vdsm_hook/libvirt_hooks/vm_journal.hpp"

namespace vdsm_hook::test {

using Words = std::vector<std::string>;
using Level = BridgeResult::Level;

inline const std::string kNic = "<interface type='user'><mac address='52:54:00:00:00:01'/></interface>";
inline const std::string kDisk = "<disk type='file'><target dev='vda'/></disk>";
/// Three devices, of which the NIC and the disk have properties.
inline const std::string kVm =
    "<domain type='qemu'><name>web 1</name><uuid>" + kUuid +
    "</uuid><metadata><o:vm xmlns:o='http://ovirt.org/vm/1.0'>"
    "<o:device mac_address='52:54:00:00:00:01'><o:custom><o:colour>red</o:colour></o:custom></o:device>"
    "<o:device devtype='disk' name='vda'><o:custom><o:colour>blue</o:colour></o:custom></o:device>"
    "</o:vm></metadata><on_reboot>restart</on_reboot><devices>" +
    kDisk + "<video/>" + kNic + "</devices></domain>";

/// DOCUMENT as it is of a VM that has run.
inline std::string as_running(std::string document) {
  return document.insert(document.find("<on_reboot>"), "<resource><partition>/machine</partition></resource>");
}

inline const Words kBeforeStart{"before_device_create", "before_device_create", "before_vm_start"};
inline const Words kAfterStart{"after_vm_start", "after_device_create", "after_device_create"};
inline const Words kArrive{"before_device_migrate_destination", "before_device_migrate_destination",
                           "before_vm_migrate_destination"};
inline const Words kGone{"after_vm_destroy", "after_device_destroy", "after_device_destroy"};
inline const Words kResume{"before_vm_dehibernate"}, kResumed{"after_vm_dehibernate"};

/// Words one way, texts the other.
inline std::string joined(const Words& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

class BridgeFixture {
 public:
  BridgeFixture() : settings(host.settings()) {
    ::umask(022);  // the trust rules would not like what 002 makes
    for (const auto* events : {&kBeforeStart, &kAfterStart, &kArrive, &kGone, &kResume, &kResumed}) record(*events);
    record({"before_vdsm_start", "after_vdsm_stop"});
    write("etc/properties.toml",
          "[CustomDeviceProperties]\n'4.8' = '{type=interface;prop={colour=.*}};{type=disk;prop={colour=.*}}'\n");
  }

  void record(const Words& events) const {
    for (const auto& event : events)
      hook(event, "10_record",
           "echo \"$VDSM_HOOK_EVENT|$vmId|$colour|$VDSM_HOOK_REASON$FROM_SNAPSHOT\" >>" + host.root() +
               "/events\n"
               "cp $_hook_domxml " +
               host.root() + "/document\n");
  }
  void hook(const std::string& event, const std::string& name, const std::string& lines) const {
    host.file(event, name, "#!/bin/sh\n" + lines);
  }
  /// A script of the VM's tree: "prepare/begin/10-a".
  std::string script(const std::string& name, const std::string& lines) const {
    const auto path = boost::filesystem::path(host.root() + "/libvirt/hooks/qemu.d/web 1/" + name);
    boost::filesystem::create_directories(path.parent_path());
    host.write("libvirt/hooks/qemu.d/web 1/" + name, "#!/bin/sh\n" + lines);
    boost::filesystem::permissions(path, boost::filesystem::perms(0755));
    return path.string();
  }

  BridgeResult call(const std::string& operation, const std::string& sub_operation, const std::string& extra = "-",
                    const std::string& driver = "qemu", const std::string& input = kVm) {
    const Engine engine(settings);
    const BridgeHost program{host.root() + "/libvirt/hooks", host.root() + "/run-libvirt",
                             [this] {
                               hidden += "hide ";
                               if (cannot_hide) throw Error(Errc::engine_failure, "not allowed");
                             },
                             [this] { hidden += "show "; }};
    const auto is_daemon = driver == "daemon";
    return run_bridge({driver, is_daemon ? "-" : "web 1", operation, sub_operation, extra, is_daemon ? "" : input},
                      engine, program);
  }
  /// Nothing is said but information, and libvirt goes on.
  void goes_well(const std::string& operation, const std::string& sub_operation, const std::string& driver = "qemu",
                 const std::string& input = kVm) {
    const auto result = call(operation, sub_operation, "-", driver, input);
    BOOST_TEST(result.exit_code == 0);
    BOOST_TEST(result.output.empty());
    for (const auto& line : result.lines) BOOST_TEST((line.level == Level::info), line.text);
  }
  /// The events since the last call of this: "EVENT|vmId|colour|parameter" lines, and their first words.
  Words lines() const {
    std::istringstream text(host.read("events"));
    Words found;
    for (std::string line; std::getline(text, line);) found.push_back(line);
    boost::filesystem::remove(host.root() + "/events");
    return found;
  }
  std::string fired() const {
    auto found = lines();
    for (auto& line : found) line.resize(line.find('|'));
    return joined(found);
  }
  VmDirectory vm_directory() const { return {settings.paths.runtime_dir, kUuid}; }
  VmJournal journal() const { return VmJournal(vm_directory()); }
  std::string seen() const { return journal().read().seen.word; }
  void set_seen(const std::string& word, bool was_running = true) const {
    journal().change([&](VmRecord& record) { record.seen = {word, was_running && !word.empty()}; });
  }
  std::string document() const { return host.read("document"); }
  /// A file below the host's directory, with the directories above it.
  void write(const std::string& name, const std::string& content) const {
    boost::filesystem::create_directories(boost::filesystem::path(host.root() + "/" + name).parent_path());
    host.write(name, content);
  }

  const Host host;
  Settings settings;
  std::string hidden;  // what was asked for, in order
  bool cannot_hide = false;
};

inline std::string text_of(const BridgeResult& result, Level level) {
  std::string text;
  for (const auto& line : result.lines)
    if (line.level == level) text += line.text + "\n";
  return text;
}

}  // namespace vdsm_hook::test
