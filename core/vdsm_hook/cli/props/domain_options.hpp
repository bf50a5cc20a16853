// Which domain XML an action of `vdsm-hook props` is about: that of one of libvirt's VMs, or a file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vdsm_hook/base/file.hpp"
#include "vdsm_hook/cli/arguments.hpp"
#include "vdsm_hook/engine/settings.hpp"
#include "vdsm_hook/properties/editor.hpp"

namespace vdsm_hook::cli {

/// What an action changes; others who change it wait until this is gone.
class ChangedDomain {
 public:
  virtual ~ChangedDomain() = default;
  /// One; of a VM that runs and is defined two, each with its own content: what runs, then its definition.
  virtual std::vector<DomainEditor*> editors() = 0;
  /// False: nothing had been changed. Throws Error.
  virtual bool save() = 0;
};

/// A domain XML file that is changed in place: locked from construction to the end, replaced as a whole by save(),
/// which throws when somebody put another file there meanwhile.
class DomainFile final : public ChangedDomain {
 public:
  DomainFile(const std::string& name, const Settings& settings);
  DomainEditor& editor() { return editor_; }
  const DomainEditor& editor() const { return editor_; }
  std::vector<DomainEditor*> editors() override { return {&editor_}; }
  bool save() override;
  const std::string& name() const { return file_.name(); }

 private:
  ReplaceableFile file_;
  std::string before_;
  DomainEditor editor_;
};

/// The VMs of libvirt. URI: empty is libvirt's own default. VM: as virsh has it. Everything throws Error.
class LibvirtVms {
 public:
  struct Document {
    std::string xml;
    bool is_running;  ///< else it is the definition
  };

  virtual ~LibvirtVms() = default;
  virtual std::unique_ptr<ChangedDomain> open(const std::string& uri, const std::string& vm,
                                              const Settings& settings) const = 0;
  /// What runs, if it does, then the definition, if there is one. VM: empty is all VMs.
  virtual std::vector<Document> read(const std::string& uri, const std::string& vm) const = 0;
};

/// Set by the program that is linked with libvirt before it does anything; null in the others.
extern const LibvirtVms* libvirt_vms;

/// `VM -c URI`, or `--domxml FILE`; and where DEVICE is described, `--device DEVICE`.
struct DomainOptions {
  std::string vm, connect, domxml, device;

  /// The VM comes before other positionals: add them later. Gives --domxml.
  Argument& add_to(Arguments& arguments, const std::string& device_description, Value file = kFile);
  /// Only the file and the device, which are required.
  void add_file_to(Arguments& arguments, const std::string& device_description);
  /// After parsing: checks that there is a VM or a file. WORDS: the positionals behind the VM, of which the first may
  /// have been taken for it; there is at least one then, of TYPE. A VM needs libvirt: where it is not linked in, the
  /// program that has it goes on with ACTION and never returns. Throws misuse().
  void settle(const Arguments& arguments, std::string_view action, int argc, char** argv,
              std::vector<std::string>* words = nullptr, const std::string& type = {});
  std::unique_ptr<ChangedDomain> open(const Settings& settings) const;
};

inline constexpr const char* kDeviceForms =
    "by MAC address, alias, target device, address, or TYPE:N (the Nth); the VM itself unless given";

/// What --device means.
struct Target {
  std::optional<std::size_t> device;  ///< nullopt: the VM
  std::string text;                   ///< "VM web-01", "interface 52:54:00:00:00:01"
};
/// DEVICE: empty is the VM. Throws wrong_use.
Target target_of(const DomainEditor& domain, const std::string& device);

}  // namespace vdsm_hook::cli
